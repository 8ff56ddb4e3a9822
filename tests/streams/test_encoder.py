from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest

from tests.codecs.signals import noise, tone
from tests.streams.frames import ForeignFrame, collect
from tests.streams.manual import ManualExecutor, settle
from voicecli.codecs import CODECS
from voicecli.errors import ConfigError, UnsupportedFormat
from voicecli.streams import encoder as module
from voicecli.streams.base import BufferFull, StreamClosed
from voicecli.streams.encoder import AudioStreamEncoder
from voicecli.streams.frame import AudioFrame
from voicecli.streams.framedecoder import decode_stream

RATE_HZ = 24_000


@pytest.fixture
def executor(monkeypatch):
    return ManualExecutor(monkeypatch, module)


@pytest.fixture
def one_serial(monkeypatch):
    """Ogg streams all have the same number, so that they can be compared."""
    monkeypatch.setattr("voicecli.codecs.encoding.opus.secrets.randbits", lambda bits: 7)


def frame(frames, channels=1, seed=1):
    return AudioFrame.from_numpy(noise(frames, channels, seed), RATE_HZ)


def cut(samples, size, rate_hz=RATE_HZ):
    return [
        AudioFrame.from_numpy(samples[at : at + size], rate_hz)
        for at in range(0, len(samples), size)
    ]


async def produce(encoder, frames):
    for one in frames:
        await encoder.push_async(one)
    encoder.flush()


async def encode(codec, samples, size, **settings):
    """All chunks of ``samples``, pushed by one task and iterated by another."""
    async with AudioStreamEncoder(codec, RATE_HZ, samples.shape[1], **settings) as encoder:
        producer = asyncio.create_task(produce(encoder, cut(samples, size)))
        chunks = [chunk async for chunk in encoder]
        await producer
        assert encoder.queued_duration == 0
    return chunks


def bytes_of(chunks):
    return b"".join(chunk.data for chunk in chunks)


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("size", [240, 1_001, 1 << 20])
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_decodes_to_what_was_encoded(codec, size, threaded):
    samples = tone(30_000, rate_hz=RATE_HZ)
    chunks = asyncio.run(encode(codec, samples, size, threaded=threaded))
    assert sum(chunk.frames for chunk in chunks) == 30_000
    decoded = list(
        decode_stream([bytes_of(chunks)], sample_rate=RATE_HZ, num_channels=None, format=codec)
    )
    got = np.concatenate([piece.to_numpy() for piece in decoded])
    if codec in {"pcm", "wav", "flac"}:
        assert np.array_equal(got, samples)
    else:
        assert got.shape == samples.shape
        error = got[1_000:29_000].astype(float) - samples[1_000:29_000]
        assert np.sqrt(np.mean(error**2)) < 1_200  # one frame off would be 1300


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("codec", CODECS)
def test_both_modes_encode_the_same_bytes(codec, channels, one_serial):
    samples = noise(20_000, channels)
    here, away = (
        bytes_of(asyncio.run(encode(codec, samples, 700, threaded=threaded)))
        for threaded in (False, True)
    )
    assert here == away


def test_settings_reach_the_codec(one_serial):
    samples = noise(48_000)
    small, large = (
        asyncio.run(encode("opus", samples, 480, bitrate=rate, page_ms=page))
        for rate, page in ((12_000, 500), (96_000, 20))
    )
    assert len(bytes_of(small)) * 3 < len(bytes_of(large))
    assert len(small) * 5 < len(large)


def test_encoding_is_elsewhere_and_never_twice_at_once(monkeypatch):
    alone, threads = threading.Lock(), set()

    def watched(feed, samples):
        assert alone.acquire(blocking=False)
        threads.add(threading.current_thread().name)
        try:
            return feed(samples)
        finally:
            alone.release()

    async def main():
        async with AudioStreamEncoder("opus", RATE_HZ, 1) as encoder:
            encoder._encoder.feed = partial(watched, encoder._encoder.feed)
            producer = asyncio.create_task(produce(encoder, cut(noise(96_000), 240)))
            assert [chunk async for chunk in encoder]
            await producer

    asyncio.run(main())
    assert all(name.startswith("voicecli-streams") for name in threads)


def test_pushes_of_one_callback_are_one_task(executor):
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        for _ in range(5):
            encoder.push(frame(240))
        assert executor.count == 0
        await settle()
        assert executor.count == 1
        encoder.push(frame(240))
        encoder.flush()
        await settle()
        assert executor.count == 1  # the first is still away
        executor.run_one()
        await settle()
        executor.run_one()
        chunks = [chunk async for chunk in encoder]
        assert sum(chunk.frames for chunk in chunks) == 6 * 240
        assert executor.count == 2

    asyncio.run(main())


def test_a_long_frame_is_encoded_in_batches_and_reported_in_slices(executor):
    samples = noise(RATE_HZ)

    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        chunks = []
        task = asyncio.create_task(collect(encoder, chunks))
        encoder.push(AudioFrame.from_numpy(samples, RATE_HZ))
        encoder.flush()
        await executor.run_until(task)
        assert executor.count == 5  # of 240 ms, and the rest
        assert len(chunks) == 17  # of 60 ms, and the rest of each batch
        return chunks

    assert bytes_of(asyncio.run(main())) == samples.astype("<i2").tobytes()


def test_chunks_are_reported_while_the_rest_is_encoded(monkeypatch):
    """The first page of a long frame does not wait for its end."""
    reports = []

    async def main():
        encoder = AudioStreamEncoder("opus", RATE_HZ, 1)
        encoder._report = lambda callback, *args: reports.append((callback.__name__, args))
        encoder._encode([noise(5_760)], is_last=False)

    asyncio.run(main())
    names = [name for name, _ in reports]
    assert names == ["_accept", "_accept", "_come_back"]
    _, first_page = reports[0][1]
    assert first_page[0].data.startswith(b"OggS")


# --- bounds


@pytest.mark.parametrize("threaded", [True, False])
def test_the_bound_covers_frames_and_chunks(executor, threaded):
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1, max_queued_s=0.1, threaded=threaded)
        encoder.push(frame(2_000))
        with pytest.raises(BufferFull, match=r"0\.1 s of audio wait"):
            encoder.push(frame(401))
        encoder.push(frame(400))
        while executor.tasks or not encoder._made:
            await settle()
            if executor.tasks:
                executor.run_one()
        with pytest.raises(BufferFull):  # nobody has iterated what is encoded now
            encoder.push(frame(2_000))
        await anext(encoder)
        encoder.push(frame(100))

    asyncio.run(main())


def test_queued_duration_covers_what_waits_to_be_encoded(executor):
    async def main():
        encoder = AudioStreamEncoder("flac", RATE_HZ, 1)
        encoder.push(frame(2_400))
        assert encoder.queued_duration == 0.1
        await settle()
        executor.run_one()
        await settle()
        assert encoder.queued_duration == 0

    asyncio.run(main())


def test_a_frame_beyond_the_bound_is_taken_if_nothing_else_waits():
    samples = noise(48_000)
    chunks = asyncio.run(encode("wav", samples, 48_000, max_queued_s=0.01))
    assert bytes_of(chunks)[44:] == samples.astype("<i2").tobytes()


@pytest.mark.parametrize("threaded", [True, False])
def test_push_async_waits_for_the_consumer(threaded):
    samples = noise(48_000)

    async def main():
        async with AudioStreamEncoder(
            "wav", RATE_HZ, 1, max_queued_s=0.1, threaded=threaded
        ) as encoder:
            producer = asyncio.create_task(produce(encoder, cut(samples, 600)))
            await settle()
            assert not producer.done()
            chunks = []
            async for chunk in encoder:
                assert encoder._queued + encoder._unread <= 2_400
                chunks.append(chunk)
            await producer
            return chunks

    assert bytes_of(asyncio.run(main()))[44:] == samples.astype("<i2").tobytes()


def test_what_the_codec_holds_back_does_not_count():
    """Less room than a page lasts: the page would never fill if it counted."""
    chunks = asyncio.run(encode("opus", noise(48_000), 240, page_ms=1_000, max_queued_s=0.02))
    assert sum(chunk.frames for chunk in chunks) == 48_000


# --- ends


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("codec", CODECS)
def test_no_audio_becomes_a_valid_file(codec, threaded):
    chunks = asyncio.run(encode(codec, noise(0), 1, threaded=threaded))
    assert sum(chunk.frames for chunk in chunks) == 0
    assert (codec == "pcm") == (bytes_of(chunks) == b"")


def test_an_empty_frame_changes_nothing():
    async def main():
        encoder = AudioStreamEncoder("wav", RATE_HZ, 1)
        encoder.push(frame(0))
        encoder.push(frame(10))
        encoder.end_input()  # LiveKit's name
        return [chunk async for chunk in encoder]

    assert len(bytes_of(asyncio.run(main()))) == 44 + 20


def test_a_push_after_the_end_is_rejected():
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        encoder.flush()
        encoder.flush()
        with pytest.raises(StreamClosed):
            encoder.push(frame(10))
        assert [chunk async for chunk in encoder] == []
        encoder.flush()
        with pytest.raises(StreamClosed):
            await encoder.push_async(frame(10))

    asyncio.run(main())


def test_aclose_ends_the_iteration_silently():
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        encoder.push(frame(48_000))
        await anext(encoder)
        await encoder.aclose()
        await encoder.aclose()
        assert [chunk async for chunk in encoder] == []
        encoder.flush()
        with pytest.raises(StreamClosed):
            encoder.push(frame(10))

    asyncio.run(main())


def test_closing_at_once_starts_no_task(executor):
    async def main():
        async with AudioStreamEncoder("pcm", RATE_HZ, 1) as encoder:
            encoder.push(frame(48_000))
        assert [chunk async for chunk in encoder] == []
        assert executor.count == 0

    asyncio.run(main())


def test_closing_waits_for_a_task_under_way(executor):
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        encoder.push(frame(48_000))
        await settle()
        closing = asyncio.create_task(encoder.aclose())
        await settle()
        assert not closing.done()
        executor.run_one()
        await closing
        assert [chunk async for chunk in encoder] == []
        assert executor.count == 1

    asyncio.run(main())


def test_aclose_wakes_both_ends():
    async def main():
        encoder = AudioStreamEncoder("flac", RATE_HZ, 1, max_queued_s=0.01)
        idle = AudioStreamEncoder("pcm", RATE_HZ, 1)
        consumer = asyncio.create_task(anext(idle, "ended"))
        encoder.push(frame(240))
        producer = asyncio.create_task(encoder.push_async(frame(240)))
        await asyncio.sleep(0)
        assert not producer.done()
        await idle.aclose()
        await encoder.aclose()
        assert await consumer == "ended"
        with pytest.raises(StreamClosed):
            await producer

    asyncio.run(main())


# --- faults


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("step", ["feed", "flush"])
def test_a_fault_of_the_codec_is_raised_once_after_the_good_chunks(threaded, step):
    def broken(*_):
        raise ZeroDivisionError

    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1, threaded=threaded)
        encoder.push(frame(240))
        chunks = [await anext(encoder)]
        setattr(encoder._encoder, step, broken)
        encoder.push(frame(240, seed=2))
        if step == "flush":
            encoder.flush()
        with pytest.raises(ZeroDivisionError):
            await collect(encoder, chunks)
        await collect(encoder, chunks)
        assert encoder.queued_duration == 0
        encoder.push(frame(240))  # dropped: the iteration has raised the fault
        await encoder.push_async(frame(240))
        encoder.flush()
        return chunks

    assert len(asyncio.run(main())) == {"feed": 1, "flush": 2}[step]


@pytest.mark.parametrize(
    ("args", "settings"),
    [
        (("speex", RATE_HZ, 1), {}),
        (("opus", RATE_HZ, 9), {}),
        (("opus", RATE_HZ, 1), {"page_ms": 1}),
        (("pcm", RATE_HZ, 1), {"bitrate": 1}),
    ],
)
def test_impossible_settings_are_rejected_at_once(args, settings):
    with pytest.raises((UnsupportedFormat, ConfigError)):
        AudioStreamEncoder(*args, **settings)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (RATE_HZ, 2)])
def test_a_frame_of_another_shape_is_rejected(rate_hz, channels):
    encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
    with pytest.raises(ValueError, match="24000 Hz, 1 channels; the frame has"):
        encoder.push(AudioFrame.create(rate_hz, channels, 10))


def test_a_threaded_push_without_a_loop_is_rejected_and_queues_nothing():
    encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
    with pytest.raises(RuntimeError):
        encoder.push(frame(10))
    with pytest.raises(RuntimeError):
        encoder.flush()

    async def main():
        encoder.push(frame(20))
        encoder.flush()
        return [chunk async for chunk in encoder]

    assert len(bytes_of(asyncio.run(main()))) == 40


def test_pushing_without_threads_needs_no_loop():
    encoder = AudioStreamEncoder("pcm", RATE_HZ, 1, threaded=False)
    encoder.push(frame(12_000))
    encoder.flush()

    async def main():
        return [chunk async for chunk in encoder]

    assert len(bytes_of(asyncio.run(main()))) == 24_000


def test_a_push_on_another_thread_is_rejected_even_while_a_batch_is_away(executor):
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        encoder.push(frame(10))
        await settle()
        with pytest.raises(RuntimeError, match="no running event loop"):
            await asyncio.to_thread(encoder.push, frame(20))
        assert encoder.queued_duration == 10 / RATE_HZ

    asyncio.run(main())


def test_the_iteration_raises_if_no_thread_can_be_started(monkeypatch):
    class Exhausted:
        def submit(self, *_):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "shared_executor", Exhausted)

    async def main():
        async with AudioStreamEncoder("pcm", RATE_HZ, 1) as encoder:
            encoder.push(frame(10))
            with pytest.raises(RuntimeError, match="can't start"):
                await anext(encoder)

    asyncio.run(main())


def test_frames_of_another_library_are_encoded():
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 2)
        samples = noise(30, 2)
        encoder.push(ForeignFrame(bytearray(samples.tobytes()), RATE_HZ, 2, 20))
        encoder.flush()
        return bytes_of([chunk async for chunk in encoder]), samples[:20].tobytes()

    got, expected = asyncio.run(main())
    assert got == expected


def test_a_task_that_outlives_its_loop_is_silent(executor, capfd):
    async def main():
        encoder = AudioStreamEncoder("pcm", RATE_HZ, 1)
        encoder.push(frame(10_000))
        await settle()

    asyncio.run(main())
    executor.run_one()
    assert capfd.readouterr() == ("", "")


def test_the_interpreter_exits_if_an_encoder_was_abandoned():
    code = """
import asyncio
from voicecli.streams import AudioFrame, AudioStreamEncoder

async def main():
    encoder = AudioStreamEncoder("opus", 48_000, 1)
    for _ in range(100):
        encoder.push(AudioFrame.create(48_000, 1, 4_800))
    await anext(encoder)
    keep.append(encoder)

keep = []
asyncio.run(main())
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr == ""
