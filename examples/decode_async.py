"""Decode a stream in asyncio while it arrives on standard input.

    curl -sN https://example.com/speech.mp3 | python examples/decode_async.py

One task pushes bytes as they arrive, with backpressure; another takes frames. The
loop is never blocked, and the decoder has no thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys

from voicecli import VoiceError
from voicecli.streams import AudioStreamDecoder


async def receive(decoder: AudioStreamDecoder) -> None:
    """Push bytes from any source: here a pipe; HTTP clients have ``response.aiter_bytes()``."""
    while chunk := await asyncio.to_thread(os.read, sys.stdin.fileno(), 4096):
        await decoder.push_async(chunk)
    decoder.end_input()


async def main() -> int:
    seconds, frames = 0.0, 0
    async with AudioStreamDecoder(sample_rate=24_000, num_channels=1) as decoder:
        receiving = asyncio.create_task(receive(decoder))
        try:
            async for frame in decoder:
                seconds += frame.duration
                frames += 1
        except VoiceError as error:  # all good frames have arrived by now
            print(f"after {seconds:.3f} s: {error.message}", file=sys.stderr)
            return error.exit_status
        finally:
            await receiving
    print(f"{seconds:.3f} s in {frames} frames")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
