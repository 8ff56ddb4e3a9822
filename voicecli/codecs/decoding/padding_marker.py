"""A marker in the last frame that states its padding.

Neither the info tag of an MP3 stream nor an ADTS header can state how much of the
last frame is padding: both are written before it is known. Our encoders state it in
that frame, where each standard leaves room for private bytes:

- Layer III in the *ancillary data* behind the audio, to the end of the frame
  (ISO/IEC 11172-3 §2.4.1.7): the marker is the frame's last bytes;
- AAC in a *data stream element* (ISO/IEC 14496-3 §4.4.2.1, table 4.10): the marker is
  in the first one. Its header has two bytes, so what follows stays byte-aligned.

Every decoder skips both. A tag between frames would do as well for ADTS; in MP3,
FFmpeg takes it for a part of the next frame, and drops that.

The marker is sixteen bytes: ``voicecli:end``, the number of PCM frames of padding at
the end of what the frame decodes to, and its bitwise complement. It is in the very
frame that it trims, so decoders never hold a frame back for it. A marker that would
trim the whole frame is invalid.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.codecs.decoding.mpegsync import Frame

MARKER_BYTES = 16

_MARKER = struct.Struct(">12sHH")
_MAGIC = b"voicecli:end"

DATA_ELEMENT = bytes((0b100_0000_0, MARKER_BYTES))
"""Header of a data stream element: ID_DSE, instance 0, not aligned; then its length."""


def padding_marker(padding_frames: int) -> bytes:
    """Make the marker of a last frame that decodes to ``padding_frames`` too many."""
    return _MARKER.pack(_MAGIC, padding_frames, padding_frames ^ 0xFFFF)


def mp3_padding(frame: Frame) -> int | None:
    """Return the padding that a Layer III frame states; None if it has no marker."""
    return _padding(frame.data[-MARKER_BYTES:], frame.header.frames)


def adts_padding(frame: Frame) -> int | None:
    """Return the padding that an ADTS frame states; None if it has no marker."""
    at = frame.header.header_bytes
    if not frame.data.startswith(DATA_ELEMENT, at):
        return None
    at += len(DATA_ELEMENT)
    return _padding(frame.data[at : at + MARKER_BYTES], frame.header.frames)


def _padding(marker: bytes, frames: int) -> int | None:
    if not marker.startswith(_MAGIC) or len(marker) < MARKER_BYTES:
        return None
    _, padding_frames, complement = _MARKER.unpack(marker)
    if padding_frames ^ complement != 0xFFFF or padding_frames >= frames:  # noqa: PLR2004  16 bits
        return None
    return int(padding_frames)
