from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from tests.codecs.containers import opus_pages, wav
from tests.codecs.samples import encoded, opus_packets, samples_of
from tests.codecs.signals import noise
from tests.streams.frames import collect, cut, joined, until_fault
from tests.streams.manual import ManualExecutor, settle
from voicecli.codecs import CODECS
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat
from voicecli.streams import decoder as module
from voicecli.streams.base import BufferFull, StreamClosed
from voicecli.streams.decoder import AudioStreamDecoder

OWN = {"sample_rate": None, "num_channels": None}


async def produce(decoder, data, size):
    for piece in cut(data, size):
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


@pytest.mark.parametrize("size", [160, 4096, 1 << 30])
@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_of_every_codec_is_decoded(codec, size):
    for sample in samples_of(codec):
        frames = asyncio.run(decode(sample.data, size, format=codec, **OWN))
        shapes = {(frame.sample_rate, frame.num_channels) for frame in frames}
        assert shapes == {(sample.rate_hz, sample.channels)}
        assert len(joined(frames)) == sample.frames
        if sample.exact is not None:
            assert np.array_equal(joined(frames), sample.exact)


def test_frames_come_as_the_bytes_do(monkeypatch):
    executor = ManualExecutor(monkeypatch, module)

    async def main():
        decoder = AudioStreamDecoder(format="audio/ogg", **OWN)
        frames, counts = [], []
        task = asyncio.create_task(collect(decoder, frames))
        for page in opus_pages(opus_packets(20)):
            decoder.push(page)
            await settle()
            while executor.tasks:
                executor.run_one()
                await settle()
            counts.append(len(frames))
        decoder.end_input()
        await executor.run_until(task)
        return counts

    counts = asyncio.run(main())
    assert all(later > earlier for earlier, later in pairwise(counts[1:]))


def test_samples_that_are_bytes_are_not_copied():
    async def main():
        decoder = AudioStreamDecoder(format="pcm", **OWN)
        data = noise(1_000).tobytes()
        decoder.push(data)
        return data, await anext(decoder)

    data, frame = asyncio.run(main())
    assert np.shares_memory(frame.to_numpy(), np.frombuffer(data, np.int16))


@pytest.mark.parametrize("wrong", [{"format": "speex"}, {"sample_rate": 0}, {"num_channels": 0}])
def test_impossible_settings_are_rejected_at_once(wrong):
    with pytest.raises((UnsupportedFormat, ValueError)):
        AudioStreamDecoder(**wrong)


# --- pushing


def test_a_push_beyond_the_bound_raises_and_queues_nothing():
    decoder = AudioStreamDecoder(max_queued_bytes=1000)
    decoder.push(bytes(600))
    with pytest.raises(BufferFull, match="600 bytes wait"):
        decoder.push(bytes(401))
    assert decoder.queued_bytes == 600
    decoder.push(bytes(400))
    assert decoder.queued_bytes == 1000


def test_a_chunk_beyond_the_bound_is_taken_if_nothing_else_waits():
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
            for piece in cut(wav(sound), 700):
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


def test_pushing_nothing_changes_nothing():
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
    decoder = AudioStreamDecoder(format="pcm", max_queued_bytes=20, **OWN)
    decoder.push(noise(10).tobytes())
    with pytest.raises(BufferFull):
        decoder.push(b"x")
    decoder.end_input()

    async def main():
        return [frame async for frame in decoder]

    assert np.array_equal(joined(asyncio.run(main())), noise(10))


def test_a_push_after_the_end_is_rejected():
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


# --- faults


@pytest.mark.parametrize("size", [100, 1 << 30])
def test_truncation_is_raised_after_the_good_frames(size):
    sound = noise(60_000)

    async def main():
        decoder = AudioStreamDecoder(**OWN)
        task = asyncio.create_task(produce(decoder, wav(sound)[:-500], size))
        frames = await until_fault(decoder, TruncatedStream)
        await task
        return frames

    assert np.array_equal(joined(asyncio.run(main())), sound[:-250])


@pytest.mark.parametrize("codec", ["opus", "flac", "mp3"])
def test_truncation_found_on_another_thread_is_raised_after_the_good_frames(codec):
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(encoded(codec, 480_000)[:-3000])
        decoder.end_input()
        return await until_fault(decoder, TruncatedStream)

    assert 300_000 < len(joined(asyncio.run(main()))) < 480_000


def test_corruption_is_raised_after_the_good_frames_and_later_bytes_are_dropped():
    async def main():
        decoder = AudioStreamDecoder(max_queued_bytes=4096, **OWN)
        decoder.push(wav(noise(100)))
        decoder.push(b"RIFF\0\0\0\0WAVEfmt \0\0\0\0data")
        decoder.push(b"\1\0\0\0")
        frames = await until_fault(decoder, CorruptStream)
        for _ in range(3):
            decoder.push(bytes(4000))
            await decoder.push_async(bytes(4000))
        assert decoder.queued_bytes == 0
        decoder.end_input()
        decoder.push(b"still dropped")
        return frames

    assert np.array_equal(joined(asyncio.run(main())), noise(100))


def test_a_fault_behind_good_frames_does_not_wait_for_another_push():
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        decoder.push(wav(noise(100)) + b"RIFF\0\0\0\0WAVEfmt \0\0\0\0data")
        return await until_fault(decoder, CorruptStream)

    assert np.array_equal(joined(asyncio.run(main())), noise(100))


@pytest.mark.parametrize("data", [b"", b'{"error": "no credit"}'])
def test_a_stream_without_audio_is_a_bad_response(data):
    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(data)
        decoder.end_input()
        assert await until_fault(decoder, BadResponse) == []

    asyncio.run(main())


def test_an_unexpected_exception_of_a_decoder_is_raised_too(monkeypatch):
    def broken(self, data):
        raise ZeroDivisionError

    monkeypatch.setattr("voicecli.codecs.decoding.wav.WavDecoder.feed", broken)

    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(wav(noise(10)))
        await until_fault(decoder, ZeroDivisionError)

    asyncio.run(main())


# --- closing


def test_aclose_ends_the_iteration_silently():
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


def test_aclose_wakes_both_ends():
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
