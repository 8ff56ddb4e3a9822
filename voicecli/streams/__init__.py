"""Audio streams for voice agents: decode, encode and play at the device's pace, in asyncio.

The names and shapes are those of LiveKit's classes, with these differences:

- Damage, an early end and a stream without sound are raised by the iteration.
- Queues are bounded: `AudioStreamDecoder.push` raises `BufferFull` beyond 8 MiB,
  ``await push_async()`` waits. A push after the end raises `StreamClosed`.
- `AudioSource.open` plays on a sound device; a plain `AudioSource` on the given sink,
  or silently. `clear_queue` is silent within 60 ms; `pause` and `resume` lose no sample.
- LiveKit's frames are accepted; for the reverse see `voicecli.streams.frame`.
- MP4 and WebM are rejected by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli._lazy import lazy_names

if TYPE_CHECKING:
    from voicecli.codecs.encoding import Encoded
    from voicecli.streams.base import BufferFull, StreamClosed
    from voicecli.streams.buffer import StreamBuffer
    from voicecli.streams.decoder import AudioStreamDecoder
    from voicecli.streams.encoder import AudioStreamEncoder
    from voicecli.streams.frame import AudioFrame
    from voicecli.streams.framedecoder import decode_stream
    from voicecli.streams.source import AudioSource

__all__ = [
    "AudioFrame",
    "AudioSource",
    "AudioStreamDecoder",
    "AudioStreamEncoder",
    "BufferFull",
    "Encoded",
    "StreamBuffer",
    "StreamClosed",
    "decode_stream",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AudioFrame": "frame",
        "AudioSource": "source",
        "AudioStreamDecoder": "decoder",
        "AudioStreamEncoder": "encoder",
        "BufferFull": "base",
        "Encoded": "encoder",
        "StreamBuffer": "buffer",
        "StreamClosed": "base",
        "decode_stream": "framedecoder",
    },
)
