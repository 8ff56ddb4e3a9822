"""Small streams that expand enormously: `AudioStreamDecoder` decodes no more than is wanted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc

import pytest

from tests.codecs.bombs import flac_bomb
from voicecli.streams.decoder import AudioStreamDecoder

LIMIT_KB = 150 << 10

MEASURE = """
import asyncio, resource, sys
from pathlib import Path
from tests.codecs import bombs
from voicecli.streams.decoder import AudioStreamDecoder

async def main(data):
    size_bytes = 0
    async with AudioStreamDecoder(num_channels=None) as decoder:
        async def produce():
            for at in range(0, len(data), 30_000):
                await decoder.push_async(data[at : at + 30_000])
            decoder.end_input()
        producer = asyncio.create_task(produce())
        async for frame in decoder:
            size_bytes += frame.data.nbytes
        await producer
    return size_bytes

name, count = sys.argv[1:]
size_bytes = asyncio.run(main(getattr(bombs, name)(int(count)).data))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's peak
print(size_bytes, status.partition("VmHWM:")[2].split()[0])
"""

BOMBS = {"flac_bomb": 500, "opus_bomb": 20, "surround_bomb": 40, "aac_bomb": 9_000}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_decoder_takes_less_than_150_mb(name):
    command = [sys.executable, "-c", MEASURE, name, str(BOMBS[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size_bytes, peak_kb = map(int, done.stdout.split())
    assert size_bytes > 10 << 20
    assert peak_kb < LIMIT_KB


def test_a_slice_that_expands_is_decoded_no_faster_than_it_is_consumed():
    bomb = flac_bomb(120)  # a slice of 4 KB, 126 MB of samples

    async def main():
        decoder = AudioStreamDecoder(sample_rate=None, num_channels=None)
        decoder.push(bomb.data)
        decoder.end_input()
        return sum([frame.samples_per_channel async for frame in decoder])

    tracemalloc.start()
    try:
        frames = asyncio.run(main())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames == bomb.frames
    assert peak < 60 << 20
