"""How bytes gather while a producer pushes in every pass of the loop."""

from __future__ import annotations

import asyncio

import pytest

from tests.codecs.containers import wav
from tests.codecs.samples import encoded
from tests.codecs.signals import noise
from tests.streams.frames import collect, cut, joined
from tests.streams.loops import virtual_time
from tests.streams.manual import settle
from voicecli.streams.decoder import GATHER_S, AudioStreamDecoder
from voicecli.streams.framedecoder import FrameDecoder

OWN = {"sample_rate": None, "num_channels": None}
COSTLY = ["opus", "mp3", "aac", "flac"]


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


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("pcm", noise(40_000).tobytes()),
        ("wav", wav(noise(40_000))),
        *((codec, encoded(codec, 240_000)) for codec in COSTLY),
    ],
)
def test_a_producer_that_pushes_in_every_pass_is_decoded_in_few_turns(format, data, feeds):
    frames = asyncio.run(decode(cut(data, 100), format=format, **OWN))
    assert len(joined(frames)) >= 40_000
    assert len(feeds) < len(data) / 100 / 3


def test_a_producer_that_stops_pushing_is_decoded_within_a_millisecond():
    with virtual_time() as (clock, run):

        async def main():
            decoder = AudioStreamDecoder(format="pcm", **OWN)
            frames = []
            consumer = asyncio.create_task(collect(decoder, frames))
            for _ in range(50):
                decoder.push(bytes(100))
                await asyncio.sleep(0)
            pushed_at = clock.now()
            assert len(joined(frames)) < 2_500
            await asyncio.sleep(GATHER_S)
            await settle()
            assert len(joined(frames)) == 2_500
            assert clock.now() - pushed_at == pytest.approx(GATHER_S)
            decoder.push(bytes(100))  # after a pause, nothing is gathered
            await settle()
            assert len(joined(frames)) == 2_550
            assert clock.now() - pushed_at == pytest.approx(GATHER_S)
            consumer.cancel()

        run(main())


def test_a_consumer_that_gives_up_while_bytes_gather_finds_them_later():
    async def main():
        decoder = AudioStreamDecoder(format="pcm", **OWN)
        frames = []
        consumer = asyncio.create_task(collect(decoder, frames))
        for _ in range(20):
            decoder.push(bytes(100))
            await asyncio.sleep(0)
        consumer.cancel()
        decoder.push(bytes(100))
        await settle()
        frames.append(await anext(decoder))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(decoder), GATHER_S / 2)
        waiting = asyncio.create_task(anext(decoder))
        await settle()
        decoder.push(bytes(100))
        frames.append(await waiting)
        return frames

    assert len(joined(asyncio.run(main()))) == 22 * 50
