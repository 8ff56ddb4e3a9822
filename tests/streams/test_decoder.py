from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest

from tests.codecs.streams import by, encoded, noise, opus_packets, opus_pages, samples_of, wav
from tests.streams.manual import Executor, settle
from voicecli.codecs import CODECS
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat
from voicecli.streams import decoder as module
from voicecli.streams import ration
from voicecli.streams.backlog import JOINED_BYTES
from voicecli.streams.buffer import BufferFull, StreamClosed
from voicecli.streams.decoder import AudioStreamDecoder
from voicecli.streams.framedecoder import FrameDecoder

OWN = {"sample_rate": None, "num_channels": None}


def joined(frames):
    return np.concatenate([frame.to_numpy() for frame in frames])


@pytest.fixture
def executor(monkeypatch):
    return Executor(monkeypatch, module)


@pytest.fixture
def no_threads(monkeypatch):
    def refuse():
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(module, "shared_executor", refuse)


async def produce(decoder, data, size):
    for piece in by(size, data):
        await decoder.push_async(piece)
        await asyncio.sleep(0)
    decoder.end_input()


async def decode(data, size=1 << 30, **settings):
    """All frames of ``data``, pushed by one task and iterated by another."""
    async with AudioStreamDecoder(**settings) as decoder:
        producer = asyncio.create_task(produce(decoder, data, size))
        frames = [frame async for frame in decoder]
        await producer
    return frames


async def until_fault(decoder, fault):
    """The frames before the fault; after it, the iteration has ended."""
    frames = []

    async def gather():
        async for frame in decoder:
            frames.append(frame)  # noqa: PERF401  it raises

    with pytest.raises(fault):
        await gather()
    assert [frame async for frame in decoder] == []
    return frames


@pytest.mark.parametrize("size", [160, 4096, 1 << 30])
@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_of_every_codec(codec, size):
    for sample in samples_of(codec):
        frames = asyncio.run(decode(sample.data, size, format=codec, **OWN))
        assert {(f.sample_rate, f.num_channels) for f in frames} == {
            (sample.rate_hz, sample.channels)
        }
        got = joined(frames)
        assert len(got) == sample.frames
        if sample.exact is not None:
            assert np.array_equal(got, sample.exact)


@pytest.mark.parametrize(
    ("data", "format"),
    [(wav(noise(200_000)), None), (noise(200_000).tobytes(), "audio/pcm;rate=24000")],
)
def test_no_thread_for_what_is_only_a_view(data, format, no_threads):
    frames = asyncio.run(decode(data, format=format, **OWN))
    assert np.array_equal(joined(frames), noise(200_000))


@pytest.mark.parametrize("codec", ["opus", "mp3", "aac", "flac"])
def test_no_thread_at_the_pace_of_speech(codec, no_threads):
    async def main():
        decoder = AudioStreamDecoder(format=codec)
        frames = []

        async def consume():
            frames.extend([frame async for frame in decoder])

        consumer = asyncio.create_task(consume())
        for piece in by(160, encoded(codec, 20_000)):
            decoder.push(piece)
            await settle()
        decoder.end_input()
        await consumer
        return frames

    assert len(joined(asyncio.run(main()))) >= 20_000


@pytest.mark.parametrize("codec", ["opus", "mp3", "flac"])
def test_a_backlog_is_decoded_elsewhere_in_order_and_never_twice_at_once(codec, monkeypatch):
    alone, threads, feed = threading.Lock(), set(), FrameDecoder.feed

    def watched(self, data):
        assert alone.acquire(blocking=False)
        threads.add(threading.current_thread().name)
        try:
            return feed(self, data)
        finally:
            alone.release()

    monkeypatch.setattr(FrameDecoder, "feed", watched)
    data = encoded(codec, 480_000)
    frames = asyncio.run(decode(data, format=codec, **OWN))
    assert any(name.startswith("voicecli-streams") for name in threads)
    monkeypatch.undo()
    whole = FrameDecoder(**OWN)
    assert np.array_equal(joined(frames), joined(whole.feed(data) + whole.flush()))


@pytest.mark.parametrize("codec", ["opus", "mp3", "aac", "flac"])
def test_the_first_frame_waits_for_no_thread(codec, executor):
    async def main():
        decoder = AudioStreamDecoder(format=codec)
        decoder.push(encoded(codec, 480_000))
        assert (await anext(decoder)).duration > 0
        assert executor.count == 1  # what follows the first frame

    asyncio.run(main())


def test_a_burst_after_a_lull_goes_elsewhere_and_wakes_nobody_meanwhile(executor):
    data = encoded("mp3", 480_000)

    async def main():
        decoder = AudioStreamDecoder(format="mp3", **OWN)
        frames = []

        async def consume():
            frames.extend([frame async for frame in decoder])

        consumer = asyncio.create_task(consume())
        decoder.push(data[:1_000])
        await settle()
        assert executor.count == 0
        decoder.push(data[1_000:-2_000])
        await settle()
        assert executor.count == 1
        (waiting,) = decoder._news.waiting
        decoder.push(data[-2_000:])
        assert not waiting.done()
        decoder.end_input()
        while not consumer.done():
            await settle()
            if executor.tasks:
                executor.run_one()
        return frames

    assert len(joined(asyncio.run(main()))) == 480_000


def test_what_is_decoded_ahead_is_bounded(executor):
    async def main():
        decoder = AudioStreamDecoder(max_ahead_s=0.5)
        decoder.push(encoded("opus", 48_000 * 10))
        decoder.end_input()
        first = await anext(decoder)  # of the slice decoded on the spot
        assert executor.count == 1
        while executor.tasks:
            executor.run_one()
            await settle()
        assert 0.5 <= decoder._ahead_s < 3
        assert decoder.queued_bytes > 20_000
        count = executor.count
        frames = [first]
        while decoder._ahead_s > 0.5:
            frames.append(await anext(decoder))
        assert executor.count == count + 1  # there is room again
        while True:
            if executor.tasks:
                executor.run_one()
                await settle()
            frames.append(await anext(decoder))
            if len(joined(frames)) == 48_000 * 10:
                break

    asyncio.run(main())


def test_a_turn_that_takes_too_long_is_cut_short(monkeypatch, executor):
    monkeypatch.setattr(module, "TASK_S", 0.0)
    monkeypatch.setattr(ration, "TASK_S", 0.0)
    monkeypatch.setattr(ration, "_LEAST_BYTES", 6_000)
    monkeypatch.setattr(ration, "_PIECE_BYTES", (2_000, 2_000))  # three a turn
    runs, run = [], module.Turn.run

    def watched(self, decoder, limit_s, *clock):
        frames = run(self, decoder, limit_s, *clock)
        runs.append(len(self.undone))
        return frames

    monkeypatch.setattr(module.Turn, "run", watched)
    data = encoded("flac", 120_000)  # more than is ever decoded on the loop

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(data)
        decoder.end_input()

        async def work():
            while True:
                await settle()
                if executor.tasks:
                    executor.run_one()

        worker = asyncio.create_task(work())
        frames = [frame async for frame in decoder]
        worker.cancel()
        return frames

    frames = asyncio.run(main())
    assert any(runs)
    assert len(joined(frames)) == 120_000


def test_a_spent_pass_goes_on_in_the_next(monkeypatch):
    spent, asked = [], []
    budget = module.pass_budget

    class Watched:
        def __init__(self, real):
            self.real = real

        @property
        def left_s(self):
            asked.append(1)
            return self.real.left_s

        def spend(self, seconds):
            spent.append(seconds)
            self.real.spend(1.0)  # as if it had taken a second

    monkeypatch.setattr(module, "pass_budget", lambda loop: Watched(budget(loop)))

    async def main():
        return await asyncio.gather(*(decode(wav(noise(100)), **OWN) for _ in range(3)))

    for frames in asyncio.run(main()):
        assert np.array_equal(joined(frames), noise(100))
    assert len(asked) > len(spent) >= 3  # asked once more, in a later pass


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("pcm", noise(40_000).tobytes()),
        ("wav", wav(noise(40_000))),
        *((codec, encoded(codec, 240_000)) for codec in ("opus", "mp3", "aac", "flac")),
    ],
)
def test_a_producer_that_pushes_in_each_pass_is_decoded_in_few_turns(format, data, monkeypatch):
    takes, take = [], module.Backlog.take

    def counted(self, *args, **settings):
        takes.append(1)
        return take(self, *args, **settings)

    monkeypatch.setattr(module.Backlog, "take", counted)
    frames = asyncio.run(decode(data, 100, format=format, **OWN))
    assert len(joined(frames)) >= 40_000
    assert len(takes) < len(data) / 100 / 3


def test_a_fault_behind_good_sound_waits_for_no_further_push():
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(wav(noise(100)) + b"RIFF\0\0\0\0WAVEfmt \0\0\0\0data")
        return await until_fault(decoder, CorruptStream)

    assert np.array_equal(joined(asyncio.run(main())), noise(100))


def test_a_flood_against_a_small_bound_is_not_left_to_the_timer(monkeypatch):
    monkeypatch.setattr("voicecli.streams.doorbell.GATHER_S", 3_600.0)
    sound = noise(5_500)
    data = sound.tobytes()

    async def main():
        decoder = AudioStreamDecoder(max_queued_bytes=100, format="pcm", **OWN)

        async def producer():
            for at in range(0, len(data), 110):
                for piece in (data[at : at + 30], data[at + 30 : at + 110]):  # not both fit
                    while True:
                        with suppress(BufferFull):
                            decoder.push(piece)
                            break
                        await asyncio.sleep(0)
                    await asyncio.sleep(0)
            for _ in range(5):
                await decoder.push_async(bytes(30))
                await decoder.push_async(bytes(80))
            decoder.end_input()

        task = asyncio.create_task(producer())
        frames = [frame async for frame in decoder]
        await task
        return frames

    got = joined(asyncio.run(asyncio.wait_for(main(), 30)))
    assert np.array_equal(got[:5_500], sound)
    assert len(got) == 5_500 + 5 * 55


# --- bounds


def test_push_over_the_bound_raises_and_queues_nothing():
    decoder = AudioStreamDecoder(max_queued_bytes=1000)
    decoder.push(bytes(600))
    with pytest.raises(BufferFull, match="600 bytes wait"):
        decoder.push(bytes(401))
    assert decoder.queued_bytes == 600
    decoder.push(bytes(400))
    assert decoder.queued_bytes == 1000


def test_one_chunk_beyond_the_bound_is_taken_where_nothing_waits():
    sound = noise(50_000)

    async def main():
        decoder = AudioStreamDecoder(max_queued_bytes=1000, **OWN)
        decoder.push(wav(sound))
        with pytest.raises(BufferFull):
            decoder.push(b"x")
        decoder.end_input()
        return [frame async for frame in decoder]

    assert np.array_equal(joined(asyncio.run(main())), sound)


def test_push_async_waits_for_room():
    sound = noise(5_000)

    async def main():
        most = 0
        decoder = AudioStreamDecoder(max_queued_bytes=1000, **OWN)

        async def producer():
            nonlocal most
            for piece in by(700, wav(sound)):
                await decoder.push_async(piece)
                most = max(most, decoder.queued_bytes)
            decoder.end_input()

        task = asyncio.create_task(producer())
        await settle()
        assert not task.done()
        frames = [frame async for frame in decoder]
        assert most <= 1000
        return frames

    assert np.array_equal(joined(asyncio.run(main())), sound)


def test_pushing_nothing_is_nothing():
    decoder = AudioStreamDecoder(max_queued_bytes=0)
    for _ in range(3):
        decoder.push(b"")
    assert decoder.queued_bytes == 0


def test_any_buffer_may_be_pushed_and_reused():
    async def main():
        decoder = AudioStreamDecoder(format="pcm", **OWN)
        memory = bytearray(noise(100).tobytes())
        decoder.push(memory)
        memory[:] = bytes(len(memory))
        await decoder.push_async(memoryview(noise(50, seed=2)))
        decoder.end_input()
        return [frame async for frame in decoder]

    got = joined(asyncio.run(main()))
    assert np.array_equal(got, np.concatenate([noise(100), noise(50, seed=2)]))


def test_pushing_needs_no_loop():
    decoder = AudioStreamDecoder(format="pcm", **OWN)
    decoder.push(noise(10).tobytes())
    decoder.end_input()

    async def main():
        return [frame async for frame in decoder]

    assert np.array_equal(joined(asyncio.run(main())), noise(10))


# --- ends


def test_frames_come_as_the_bytes_do():
    async def main():
        decoder = AudioStreamDecoder(format="audio/ogg", **OWN)
        frames = []

        async def consume():
            frames.extend([None])
            async for frame in decoder:
                frames.append(frame)  # noqa: PERF401  the test looks at it in between

        task = asyncio.create_task(consume())
        counts = []
        for page in opus_pages(opus_packets(20)):
            decoder.push(page)
            await settle()
            counts.append(len(frames))
        decoder.end_input()
        await task
        return counts

    counts = asyncio.run(main())
    assert all(b > a for a, b in pairwise(counts[1:]))


@pytest.mark.parametrize("size", [100, 1 << 30])
def test_truncation_is_raised_after_what_was_good(size):
    sound = noise(60_000)

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        task = asyncio.create_task(produce(decoder, wav(sound)[:-500], size))
        frames = await until_fault(decoder, TruncatedStream)
        await task
        return frames

    assert np.array_equal(joined(asyncio.run(main())), sound[:-250])


@pytest.mark.parametrize("codec", ["opus", "flac", "mp3"])
def test_truncation_found_on_another_thread_is_raised_likewise(codec):
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(encoded(codec, 480_000)[:-3000])
        decoder.end_input()
        return await until_fault(decoder, TruncatedStream)

    assert 300_000 < len(joined(asyncio.run(main()))) < 480_000


def test_corruption_is_raised_after_what_was_good_and_what_follows_is_dropped():
    async def main():
        decoder = AudioStreamDecoder(max_queued_bytes=4096, **OWN)
        decoder.push(wav(noise(100)))
        decoder.push(b"RIFF\0\0\0\0WAVEfmt \0\0\0\0data")
        decoder.push(b"\1\0\0\0")
        frames = await until_fault(decoder, CorruptStream)
        assert decoder.queued_bytes == 0
        for _ in range(3):
            decoder.push(bytes(4000))
            await decoder.push_async(bytes(4000))
        assert decoder.queued_bytes == 0
        decoder.end_input()
        decoder.push(b"still dropped")
        return frames

    assert np.array_equal(joined(asyncio.run(main())), noise(100))


@pytest.mark.parametrize("data", [b"", b'{"error": "no credit"}'])
def test_what_is_no_audio_says_so(data):
    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(data)
        decoder.end_input()
        assert await until_fault(decoder, BadResponse) == []

    asyncio.run(main())


def test_a_defect_of_a_decoder_is_not_swallowed(monkeypatch):
    def broken(self, data):
        raise ZeroDivisionError

    monkeypatch.setattr("voicecli.codecs.decoding.wav.WavDecoder.feed", broken)

    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(wav(noise(10)))
        await until_fault(decoder, ZeroDivisionError)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [{"format": "speex"}, {"sample_rate": 0}, {"num_channels": 0}])
def test_what_makes_no_sense_is_refused_at_once(wrong):
    with pytest.raises((UnsupportedFormat, ValueError)):
        AudioStreamDecoder(**wrong)


def test_a_deliberate_close_is_silent():
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(wav(noise(100_000)))
        await anext(decoder)
        await decoder.aclose()
        await decoder.aclose()
        assert [frame async for frame in decoder] == []
        assert decoder.queued_bytes == 0
        decoder.end_input()
        with pytest.raises(StreamClosed):
            decoder.push(b"x")

    asyncio.run(main())


def test_closing_wakes_both_ends():
    async def main():
        decoder = AudioStreamDecoder(max_queued_bytes=10)
        idle = AudioStreamDecoder()
        consumer = asyncio.create_task(anext(idle, "ended"))
        decoder.push(bytes(10))
        producer = asyncio.create_task(decoder.push_async(b"x"))
        await settle()
        assert not consumer.done()
        assert not producer.done()
        await idle.aclose()
        await decoder.aclose()
        assert await consumer == "ended"
        with pytest.raises(StreamClosed):
            await producer

    asyncio.run(main())


def test_pushing_after_the_end_is_refused():
    async def main():
        decoder = AudioStreamDecoder(format="pcm")
        decoder.push(noise(10).tobytes())
        decoder.end_input()
        decoder.end_input()
        with pytest.raises(StreamClosed):
            decoder.push(b"x")
        assert [frame async for frame in decoder]
        with pytest.raises(StreamClosed):
            await decoder.push_async(b"x")

    asyncio.run(main())


def test_closing_waits_for_what_is_under_way(executor):
    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(encoded("mp3", 96_000))
        await anext(decoder)
        assert len(executor.tasks) == 1
        closing = asyncio.create_task(decoder.aclose())
        await settle()
        assert not closing.done()
        executor.run_one()
        await closing
        assert [frame async for frame in decoder] == []
        assert executor.count == 1

    asyncio.run(main())


def test_a_consumer_waits_for_what_is_under_way(executor):
    async def main():
        decoder = AudioStreamDecoder(format="mp3")
        decoder.push(encoded("mp3", 96_000))
        frames = []

        async def consume():
            async for frame in decoder:
                frames.append(frame)  # noqa: PERF401  the test looks at it in between

        task = asyncio.create_task(consume())
        await settle()
        before = len(frames)
        await settle()
        assert len(frames) == before
        executor.run_one()
        await settle()
        assert len(frames) > before
        task.cancel()

    asyncio.run(main())


def test_an_abandoned_loop_is_no_trouble(executor, capfd):
    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(encoded("mp3", 96_000))
        await anext(decoder)

    asyncio.run(main())
    executor.run_one()
    assert capfd.readouterr() == ("", "")


def test_the_interpreter_exits_though_a_decoder_was_abandoned():
    code = """
import asyncio, sys
from tests.codecs.streams import encoded
from voicecli.streams import AudioStreamDecoder

async def main():
    decoder = AudioStreamDecoder()
    decoder.push(encoded("opus", 48_000 * 60))
    await anext(decoder)
    keep.append(decoder)

keep = []
asyncio.run(main())
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr == ""


def test_a_push_on_another_thread_that_would_wake_nobody_is_refused():
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        first = asyncio.create_task(anext(decoder))
        await settle()
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            await asyncio.to_thread(decoder.push, wav(noise(100)))
        assert decoder.queued_bytes == 0
        asyncio.get_running_loop().call_soon_threadsafe(decoder.push, wav(noise(100)))
        frame = await first
        await decoder.aclose()
        return frame

    assert asyncio.run(main()).samples_per_channel == 100


def test_work_that_is_away_when_its_loop_ends_holds_up_no_end_on_another(executor):
    decoder = AudioStreamDecoder(**OWN)

    async def leave():
        decoder.push(encoded("flac", 240_000))
        decoder.end_input()
        await anext(decoder)

    asyncio.run(leave())
    assert executor.tasks  # and nobody runs it
    asyncio.run(asyncio.wait_for(decoder.aclose(), 10))


def test_what_is_full_before_a_loop_runs_is_full():
    decoder = AudioStreamDecoder(max_queued_bytes=10, **OWN)
    decoder.push(bytes(10))
    with pytest.raises(BufferFull):
        decoder.push(b"x")


@pytest.mark.parametrize(("size", "most"), [(4_096, JOINED_BYTES), (65_536, 1 << 19)])
def test_a_flood_is_gathered_for_as_much_as_a_turn_takes(size, most, monkeypatch):
    monkeypatch.setattr(ration, "TURN_S", 1e9)  # nothing takes that long
    awaited, wait = [], module.Doorbell.wait

    async def watched(self, much):
        awaited.append(much)
        await wait(self, much)

    monkeypatch.setattr(module.Doorbell, "wait", watched)
    sound = noise(800_000)
    frames = asyncio.run(decode(wav(sound), size, **OWN))
    assert np.array_equal(joined(frames), sound)
    assert max(awaited) == awaited[-1] == most


@pytest.mark.parametrize("spent_s", [0.0, 1.0])
def test_a_stream_made_on_one_loop_is_iterated_on_another(spent_s):
    async def made():
        return AudioStreamDecoder(**OWN)

    first = asyncio.new_event_loop()
    decoder = first.run_until_complete(made())
    decoder._budget.spend(spent_s)  # and nobody is left to renew it
    first.close()

    async def iterate():
        decoder.push(wav(noise(100)))
        decoder.end_input()
        decoder._budget.spend(1)
        return [frame async for frame in decoder]

    assert np.array_equal(joined(asyncio.run(asyncio.wait_for(iterate(), 10))), noise(100))


def test_a_consumer_that_gave_up_and_left_its_loop_is_no_trouble_to_who_pushes():
    decoder = AudioStreamDecoder(**OWN)

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(decoder), 0.001)

    async def iterate():
        return [frame async for frame in decoder]

    asyncio.run(give_up())
    decoder.push(wav(noise(100)))
    decoder.end_input()
    assert np.array_equal(joined(asyncio.run(iterate())), noise(100))


def test_many_small_files_are_not_taken_for_what_costs_nothing(monkeypatch):
    # Each goes through as it comes, and no two can be joined.
    files = b"".join(wav(noise(1, seed=number), 8_000 + number) for number in range(4_000))
    now, feed, sizes, asked = [0.0], FrameDecoder.feed, [], []

    def dear(self, data):
        now[0] += data.count(b"RIFF") * 10e-6 + 1e-6
        sizes.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", dear)
    for clock in ("perf_counter", "thread_time"):
        monkeypatch.setattr(module, clock, lambda clock=clock: asked.append(clock) or now[0])
    data = wav(noise(10_000), size=0xFFFFFFFF) + files
    pieces = [data[:20_000], data[20_000:60_000], *by(40_000, data[60_000:])]

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        for piece in pieces[:2]:
            decoder.push(piece)
            await anext(decoder)
        assert not decoder._ration.is_relaxed
        assert set(asked) == {"perf_counter"}
        asked.clear()
        decoder.push(b"".join(pieces[2:]))
        decoder.end_input()
        frames = [frame async for frame in decoder]
        assert len(frames) > 1_000
        assert set(asked) == {"thread_time"}  # by it, who was kept waiting costs no more

    asyncio.run(main())
    assert max(sizes[2:]) < 1 << 16  # as assumed, of which two were cut before one was measured
    assert max(sizes[4:]) <= 4_096
