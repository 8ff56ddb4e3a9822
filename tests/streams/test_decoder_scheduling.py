"""Where and when `AudioStreamDecoder` decodes: loop or thread, at once or gathered."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.samples import encoded
from tests.codecs.signals import noise
from tests.streams.frames import collect, cut, joined
from tests.streams.manual import ManualExecutor, settle
from voicecli.streams import decoder as module
from voicecli.streams import scheduling
from voicecli.streams.decoder import AudioStreamDecoder
from voicecli.streams.framedecoder import FrameDecoder

OWN = {"sample_rate": None, "num_channels": None}
COSTLY = ["opus", "mp3", "aac", "flac"]


@pytest.fixture
def executor(monkeypatch):
    return ManualExecutor(monkeypatch, module)


@pytest.fixture
def no_threads(monkeypatch):
    def refuse():
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(scheduling, "shared_executor", refuse)


@pytest.fixture
def feeds(monkeypatch):
    """The size of every piece that is decoded."""
    sizes, feed = [], FrameDecoder.feed

    def watched(self, data):
        sizes.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", watched)
    return sizes


async def decode(pieces, **settings):
    """All frames of pieces pushed one in each pass of the loop."""
    async with AudioStreamDecoder(**settings) as decoder:

        async def produce():
            for piece in pieces:
                decoder.push(piece)
                await asyncio.sleep(0)
            decoder.end_input()

        producer = asyncio.create_task(produce())
        frames = [frame async for frame in decoder]
        await producer
    return frames


# --- on the loop


@pytest.mark.parametrize("format", [None, "audio/pcm;rate=24000"])
def test_pcm_and_wav_never_need_a_thread(format, no_threads):
    sound = noise(200_000)
    data = wav(sound) if format is None else sound.tobytes()
    assert np.array_equal(joined(asyncio.run(decode([data], format=format, **OWN))), sound)


@pytest.mark.parametrize("codec", COSTLY)
def test_the_first_frame_of_a_whole_file_needs_no_thread(codec, executor):
    async def main():
        decoder = AudioStreamDecoder(format=codec)
        decoder.push(encoded(codec, 480_000))
        assert (await anext(decoder)).duration > 0
        assert executor.count == 1  # for what follows

    asyncio.run(main())


def test_streams_share_the_time_of_one_pass(monkeypatch):
    spent, passes = [], 0
    monkeypatch.setattr(scheduling, "PASS_S", 1e-9)  # one slice spends it
    monkeypatch.setattr(module, "pass_budget", scheduling.PassBudget())

    def spend(self, seconds, spend=scheduling.PassBudget.spend):
        spent.append(passes)
        spend(self, seconds)

    monkeypatch.setattr(scheduling.PassBudget, "spend", spend)

    async def count_passes():
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    async def main():
        module.pass_budget.spend(1)  # renewed to the new size
        counting = asyncio.create_task(count_passes())
        frames = await asyncio.gather(*(decode([wav(noise(100))], **OWN) for _ in range(5)))
        counting.cancel()
        return frames

    for frames in asyncio.run(main()):
        assert np.array_equal(joined(frames), noise(100))
    assert len(spent) == len(set(spent))


def test_input_that_expands_beyond_measure_is_decoded_in_smaller_slices(monkeypatch, feeds):
    files = b"".join(wav(noise(1, seed=number), 8_000 + number) for number in range(6_000))
    now = 0.0

    def clock():
        return now

    def slow(self, data, feed=FrameDecoder.feed):
        nonlocal now
        now += data.count(b"RIFF") * 10e-6
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", slow)
    monkeypatch.setattr(module, "perf_counter", clock)

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(wav(noise(10)))
        await anext(decoder)
        feeds.clear()
        decoder.push(files)
        decoder.end_input()
        return [frame async for frame in decoder]

    assert len(joined(asyncio.run(main()))) == 6_000
    assert feeds[0] == 1 << 16  # 15 ms
    assert max(feeds[5:]) <= 1 << 12  # 1 ms


# --- on a thread


@pytest.mark.parametrize("codec", COSTLY)
def test_what_follows_the_first_frame_is_decoded_elsewhere(codec, monkeypatch):
    feed, has_begun, places = FrameDecoder.feed, False, set()

    def watched(self, data):
        if has_begun:
            places.add(threading.current_thread())
        return feed(self, data)

    monkeypatch.setattr(FrameDecoder, "feed", watched)

    async def main():
        nonlocal has_begun
        decoder = AudioStreamDecoder(format=codec, **OWN)
        frames = []
        consumer = asyncio.create_task(collect(decoder, frames))
        for piece in cut(encoded(codec, 20_000), 160):
            decoder.push(piece)
            await settle()
            has_begun = bool(frames)
        decoder.end_input()
        await consumer
        return frames

    assert len(joined(asyncio.run(main()))) >= 20_000
    assert threading.current_thread() not in places
    assert places


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
    frames = asyncio.run(decode([data], format=codec, **OWN))
    assert any(name.startswith("voicecli-streams") for name in threads)
    monkeypatch.undo()
    whole = FrameDecoder(**OWN)
    assert np.array_equal(joined(frames), joined(whole.feed(data) + whole.flush()))


def test_a_burst_after_a_pause_is_one_task_and_pushes_meanwhile_wake_nobody(executor):
    data = encoded("mp3", 480_000)

    async def main():
        decoder = AudioStreamDecoder(format="mp3", **OWN)
        frames = []
        consumer = asyncio.create_task(collect(decoder, frames))
        decoder.push(data[:1_000])
        await settle()
        assert executor.count == 0
        decoder.push(data[1_000:-2_000])
        await settle()
        count = len(frames)
        assert executor.count == 1
        decoder.push(data[-2_000:])
        decoder.end_input()
        await settle()
        assert (executor.count, len(frames)) == (1, count)
        await executor.run_until(consumer)
        return frames

    assert len(joined(asyncio.run(main()))) == 480_000


def test_decoding_ahead_is_bounded(executor):
    async def main():
        decoder = AudioStreamDecoder(max_ahead_s=0.5)
        decoder.push(encoded("opus", 48_000 * 10))
        decoder.end_input()
        frames = [await anext(decoder)]
        while executor.tasks:
            executor.run_one()
            await settle()
        count = executor.count
        assert decoder.queued_bytes > 20_000
        while executor.count == count:  # until there is room again
            frames.append(await anext(decoder))
        assert 0.5 <= sum(frame.duration for frame in frames) < 4
        await executor.run_until(asyncio.create_task(collect(decoder, frames)))
        return frames

    assert len(joined(asyncio.run(main()))) == 48_000 * 10


def test_a_batch_that_takes_too_long_is_cut_short(monkeypatch, executor, feeds):
    monkeypatch.setattr(module, "BATCH_S", 1e-9)  # every slice is too long
    data = encoded("flac", 480_000)

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        frames = []
        decoder.push(data)
        decoder.end_input()
        consumer = asyncio.create_task(collect(decoder, frames))
        await settle()
        feeds.clear()
        executor.run_one()
        assert len(feeds) == 1
        await executor.run_until(consumer)
        return frames

    assert len(joined(asyncio.run(main()))) == 480_000


def test_what_the_threads_are_too_slow_for_is_decoded_on_the_loop(executor, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BATCHES", 1)

    async def main():
        one, other = AudioStreamDecoder(**OWN), AudioStreamDecoder(**OWN)
        one.push(encoded("mp3", 96_000))
        await anext(one)  # what follows waits for a thread
        other.push(encoded("mp3", 96_000))
        other.end_input()
        async with asyncio.timeout(20):  # else the second would wait for a thread as well
            frames = [frame async for frame in other]
        assert executor.count == 1
        one.end_input()
        rest = []
        await executor.run_until(asyncio.create_task(collect(one, rest)))
        assert executor.count > 1
        return frames

    assert len(joined(asyncio.run(main()))) == 96_000


def test_closing_waits_for_a_task_under_way(executor):
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


class NoThreads(ThreadPoolExecutor):
    """An executor that fails as Python's does at the system's limit: with the task queued."""

    def __init__(self, *, is_queued, threads):
        super().__init__(1)
        self.is_queued, self.allowed = is_queued, threads

    def submit(self, work, *args):
        self.allowed -= 1
        if self.allowed >= 0:
            return super().submit(work, *args)
        if self.is_queued:
            super().submit(work, *args)
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("is_queued", [False, True])
@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("codec", COSTLY)
def test_a_stream_loses_nothing_if_no_thread_can_be_started(monkeypatch, codec, threads, is_queued):
    data = encoded(codec, 60_000)
    whole = joined(asyncio.run(decode(cut(data, 4_096), format=codec, **OWN)))
    with NoThreads(is_queued=is_queued, threads=threads) as executor:
        monkeypatch.setattr(scheduling, "shared_executor", lambda: executor)
        frames = asyncio.run(decode(cut(data, 4_096), format=codec, **OWN))
    assert np.array_equal(joined(frames), whole)
    assert not scheduling.waiting_batches
