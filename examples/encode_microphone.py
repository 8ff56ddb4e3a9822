"""Encode the sound of a microphone to an Ogg Opus file in real time.

    python examples/encode_microphone.py out.opus [seconds]

The microphone here is a tone in frames of 20 ms, each yielded when it is due; yours
may be a LiveKit track, a websocket or PortAudio. `push` takes the loop a few
microseconds, whatever the codec. Pages leave as soon as they are full, the first
after 20 ms.
"""

from __future__ import annotations

import asyncio
import math
import sys
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.streams import AudioFrame, AudioStreamEncoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RATE_HZ = 48_000
FRAME_MS = 20
SIZE = RATE_HZ * FRAME_MS // 1000


async def microphone(seconds: float) -> AsyncIterator[AudioFrame]:
    """Yield frames in real time, like any source of live sound."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(round(seconds * 1000 / FRAME_MS)):
        await asyncio.sleep(began + (number + 1) * FRAME_MS / 1000 - loop.time())
        times = range(number * SIZE, (number + 1) * SIZE)
        wave = (round(8_000 * math.sin(math.tau * 440 * t / RATE_HZ)) for t in times)
        yield AudioFrame(array("h", wave), RATE_HZ, 1)


async def listen(encoder: AudioStreamEncoder, seconds: float) -> None:
    async for frame in microphone(seconds):
        encoder.push(frame)
    encoder.flush()


async def main() -> int:
    path = Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0  # noqa: PLR2004  arguments
    encoded, pages, size = 0.0, 0, 0
    with path.open("wb") as file:  # noqa: ASYNC230  a page is written quickly
        async with AudioStreamEncoder("opus", RATE_HZ, 1) as encoder:
            listening = asyncio.create_task(listen(encoder, seconds))
            async for page in encoder:
                size += file.write(page.data)
                encoded += page.frames / RATE_HZ
                pages += 1
            await listening
    print(f"{encoded:.3f} s in {pages} pages, {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
