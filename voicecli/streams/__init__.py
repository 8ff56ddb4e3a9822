"""Audio streams for voice agents: decode, encode and play at the device's pace, in asyncio.

The names and shapes are those that users of LiveKit know; each is loaded when
it is first touched. What surprises who comes from there:

- Damage, an early end and a stream without sound are raised by the iteration,
  which does not end as if all were well.
- What waits is bounded: `AudioStreamDecoder.push` raises `BufferFull` beyond 8 MiB,
  where ``await push_async()`` waits.
- Nothing is accepted after an end: `StreamClosed`, where LiveKit does nothing.
- `AudioSource` plays where it is told to, as `AudioSource.open` does on a sound
  device; of its own it plays nothing. `clear_queue` leaves what the device has
  (``lead_ms``), `aclose` silences that as well.
- Frames of LiveKit's are taken as they are. ``rtc.AudioSource`` takes none but its
  own: see `voicecli.streams.frame`.
- MP4 and WebM are refused by name.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.codecs.encoding import Encoded
    from voicecli.streams.buffer import BufferFull, StreamBuffer, StreamClosed
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

_HOMES = {
    "AudioFrame": "frame",
    "AudioSource": "source",
    "AudioStreamDecoder": "decoder",
    "AudioStreamEncoder": "encoder",
    "BufferFull": "buffer",
    "Encoded": "encoder",
    "StreamBuffer": "buffer",
    "StreamClosed": "buffer",
    "decode_stream": "framedecoder",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"voicecli.streams.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
