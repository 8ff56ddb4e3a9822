"""`AudioStreamDecoder` on the wrong thread, on another loop, and abandoned."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.samples import encoded
from tests.codecs.signals import noise
from tests.streams.frames import collect, joined
from tests.streams.manual import ManualExecutor, settle
from voicecli.streams import decoder as module
from voicecli.streams.decoder import AudioStreamDecoder

OWN = {"sample_rate": None, "num_channels": None}


@pytest.fixture
def executor(monkeypatch):
    return ManualExecutor(monkeypatch, module)


def test_a_push_on_another_thread_is_rejected():
    async def main():
        decoder = AudioStreamDecoder(**OWN)
        first = asyncio.create_task(anext(decoder))
        await settle()
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            await asyncio.to_thread(decoder.push, wav(noise(100)))
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            await asyncio.to_thread(asyncio.run, decoder.push_async(wav(noise(100))))
        assert decoder.queued_bytes == 0
        asyncio.get_running_loop().call_soon_threadsafe(decoder.push, wav(noise(100)))
        frame = await first
        await decoder.aclose()
        return frame

    assert asyncio.run(main()).samples_per_channel == 100


def test_a_stream_moves_to_another_loop_even_while_bytes_gather():
    decoder = AudioStreamDecoder(format="pcm", **OWN)
    frames = []

    async def leave():
        consumer = asyncio.create_task(collect(decoder, frames))
        for _ in range(10):
            decoder.push(bytes(100))
            await asyncio.sleep(0)
        consumer.cancel()

    async def arrive():
        consumer = asyncio.create_task(collect(decoder, frames))
        await settle()
        decoder.push(bytes(100))
        await settle()
        decoder.end_input()
        await asyncio.wait_for(consumer, 10)

    asyncio.run(leave())
    decoder.push(bytes(100))  # no loop runs, and nobody waits
    asyncio.run(arrive())
    assert len(joined(frames)) == 12 * 50


def test_a_stream_made_on_a_loop_that_was_closed_is_iterated_on_another():
    async def make():
        return AudioStreamDecoder(**OWN)

    decoder = asyncio.run(make())

    async def iterate():
        decoder.push(wav(noise(100)))
        decoder.end_input()
        return [frame async for frame in decoder]

    assert np.array_equal(joined(asyncio.run(asyncio.wait_for(iterate(), 10))), noise(100))


def test_closing_on_another_loop_does_not_wait_for_a_task_that_cannot_report(executor):
    decoder = AudioStreamDecoder(**OWN)

    async def leave():
        decoder.push(encoded("flac", 240_000))
        decoder.end_input()
        await anext(decoder)

    asyncio.run(leave())
    assert executor.tasks  # and nobody runs it
    asyncio.run(asyncio.wait_for(decoder.aclose(), 10))


def test_a_task_that_outlives_its_loop_is_silent(executor, capfd):
    async def main():
        decoder = AudioStreamDecoder()
        decoder.push(encoded("mp3", 96_000))
        await anext(decoder)

    asyncio.run(main())
    executor.run_one()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_interpreter_exits_if_a_decoder_was_abandoned():
    code = """
import asyncio
from tests.codecs.samples import encoded
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
    assert (done.stdout, done.stderr) == ("done\n", "")
