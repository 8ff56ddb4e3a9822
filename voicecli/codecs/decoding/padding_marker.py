"""Where the sound ends, told by the last frame itself.

Neither the info tag of an MP3 stream nor an ADTS header can tell how much of the
last frame is silence to fill it up: both stand before it is known. Our encoders
say it in that frame, where each standard has a place for bytes of one's own:

- Layer III in the *ancillary data* behind the sound, to the end of the frame
  (ISO/IEC 11172-3 §2.4.1.7): the mark is the frame's last bytes;
- AAC in a *data stream element* (ISO/IEC 14496-3 §4.4.2.1, table 4.10): the mark
  stands in one that comes first. Its head is two bytes, so that what follows
  keeps its place within bytes.

Every decoder passes over both. A tag between frames would do as well for ADTS;
in MP3, FFmpeg takes it for a part of the frame behind it, and drops that.

The mark is sixteen bytes: ``voicecli:end``, the number of PCM frames of padding at
the end of what the frame decodes to, and the same with all bits turned over. It
is in the frame that it cuts, so that nobody has to wait for it, and a number that
would cut all of that frame is none.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.codecs.decoding.mpegsync import Frame

MARK_BYTES = 16

_MARK = struct.Struct(">12sHH")
_MAGIC = b"voicecli:end"

DATA_ELEMENT = bytes((0b100_0000_0, MARK_BYTES))
"""Head of a data stream element: ID_DSE, instance 0, not aligned; then its length."""


def end_mark(padding_frames: int) -> bytes:
    """The mark of a last frame that decodes to so many frames too many."""
    return _MARK.pack(_MAGIC, padding_frames, padding_frames ^ 0xFFFF)


def mp3_padding(frame: Frame) -> int | None:
    """Padding in frames that a Layer III frame tells, None where it is not marked as the last."""
    return _padding(frame.data[-MARK_BYTES:], frame.header.frames)


def adts_padding(frame: Frame) -> int | None:
    """Padding in frames that an ADTS frame tells, None where it is not marked as the last."""
    at = frame.header.header_bytes
    if not frame.data.startswith(DATA_ELEMENT, at):
        return None
    at += len(DATA_ELEMENT)
    return _padding(frame.data[at : at + MARK_BYTES], frame.header.frames)


def _padding(mark: bytes, frames: int) -> int | None:
    if not mark.startswith(_MAGIC) or len(mark) < MARK_BYTES:
        return None
    _, padding_frames, check = _MARK.unpack(mark)
    if padding_frames ^ check != 0xFFFF or padding_frames >= frames:  # noqa: PLR2004  all 16 bits
        return None
    return int(padding_frames)
