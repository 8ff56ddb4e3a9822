"""How `AudioStreamEncoder` ends: flush, aclose, faults, and wrong use."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.codecs.signals import noise
from tests.streams.frames import ForeignFrame, collect
from tests.streams.manual import ManualExecutor, settle
from voicecli.codecs import CODECS
from voicecli.errors import ConfigError, UnsupportedFormat
from voicecli.streams import encoder as module
from voicecli.streams.base import StreamClosed
from voicecli.streams.encoder import AudioStreamEncoder
from voicecli.streams.frame import AudioFrame

RATE_HZ = 24_000


@pytest.fixture
def executor(monkeypatch):
    return ManualExecutor(monkeypatch, module)


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
