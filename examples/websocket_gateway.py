"""A gateway from a websocket to the loudspeaker: 20 ms frames in, paced sound out.

    pip install websockets
    python examples/websocket_gateway.py [--port 8765] [--device NAME | --device null]

A client sends binary messages of raw PCM (24 kHz, mono, 16 bits, little-endian),
as fast as it likes: when more than a second is queued, the gateway stops reading,
and TCP slows the client down. There are two text messages: ``clear`` drops what is
queued (for interruptions), and ``end`` is answered with the counts once everything
has been heard.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json

from websockets.asyncio.server import ServerConnection, serve

from voicecli.streams import AudioFrame, AudioSource

RATE_HZ = 24_000
QUEUE_MS = 1_000


async def open_source(device: str | None) -> AudioSource:
    if device == "null":
        return AudioSource(RATE_HZ, 1, QUEUE_MS)  # plays nothing, in real time
    return await AudioSource.open(RATE_HZ, 1, QUEUE_MS, device=device)


async def play(connection: ServerConnection, device: str | None) -> None:
    """Play one connection through a source of its own."""
    async with await open_source(device) as source:
        received_s = 0.0
        async for message in connection:
            if isinstance(message, bytes):
                frame = AudioFrame(message, RATE_HZ, 1)
                received_s += frame.duration
                await source.capture_frame(frame)
            elif message == "clear":
                source.clear_queue()
            elif message == "end":
                await source.wait_for_playout()
                counts = {"received_s": round(received_s, 3), "underruns": source.underruns}
                await connection.send(json.dumps(counts))


async def main() -> None:
    parser = argparse.ArgumentParser(description="Play the audio from a websocket.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--device")
    settings = parser.parse_args()
    async with serve(lambda c: play(c, settings.device), "127.0.0.1", settings.port) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on ws://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
