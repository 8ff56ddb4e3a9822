from __future__ import annotations

import asyncio
import threading
from functools import partial

import numpy as np
import pytest

from tests.codecs.signals import noise, tone
from tests.streams.frames import collect
from tests.streams.manual import ManualExecutor, settle
from voicecli.codecs import CODECS
from voicecli.streams import encoder as module
from voicecli.streams.base import BufferFull
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
