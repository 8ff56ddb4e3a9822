"""The info tag in the first frame of an MP3 file, which holds no audio.

- "Xing" or "Info" behind the side information, then the number of MP3 frames;
- after it LAME's extension with encoder delay and padding, 12 bits each
  (gabriel.mp3-tech.org/mp3infotag.html), which libavformat writes as well;
- or Fraunhofer's "VBRI", which counts the frames only.

`voicecli.codecs.encoding.infotag` draws the whole layout and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.codecs.decoding.mpegsync import Frame

HAS_FRAMES, HAS_BYTES, HAS_TABLE, HAS_QUALITY = 1, 2, 4, 8
_FIELD_BYTES = {HAS_FRAMES: 4, HAS_BYTES: 4, HAS_TABLE: 100, HAS_QUALITY: 4}
_TRUSTED_WRITERS = (b"LAME", b"Lavf", b"Lavc")
_DELAYS_AT, _DELAYS_END = 21, 24  # in LAME's extension


@dataclass(frozen=True, slots=True)
class InfoTag:
    """What the info tag states.

    ``mp3_frames`` is None if it is not stated; streaming encoders write 0, or no tag
    at all. ``delay_frames`` and ``padding_frames`` are None unless a writer known to
    get them right wrote the tag.
    """

    mp3_frames: int | None
    delay_frames: int | None = None
    padding_frames: int | None = None

    @property
    def min_mp3_frames(self) -> int:
        """Fewest MP3 frames of a complete file.

        The LAME family counts the frames after the tag. Other writers may count the
        tag's own frame too, so one may be missing.
        """
        return (self.mp3_frames or 0) - (self.delay_frames is None)


def info_tag(frame: Frame) -> InfoTag | None:
    """Parse the info tag in an MP3 frame; None if the frame holds audio."""
    data, header = frame.data, frame.header
    if data[36:40] == b"VBRI":
        return InfoTag(int.from_bytes(data[50:54], "big") or None)
    # LAME ignores the CRC when it places the tag; others count its two bytes.
    for at in {4 + header.side_info_bytes, header.header_bytes + header.side_info_bytes}:
        if data[at : at + 4] in {b"Xing", b"Info"}:
            return _parse(data[at:])
    return None


def _parse(tag: bytes) -> InfoTag:
    flags = int.from_bytes(tag[4:8], "big")
    mp3_frames = int.from_bytes(tag[8:12], "big") if flags & HAS_FRAMES else 0
    at = 8 + sum(size_bytes for flag, size_bytes in _FIELD_BYTES.items() if flags & flag)
    lame = tag[at : at + _DELAYS_END]
    if len(lame) < _DELAYS_END or not lame.startswith(_TRUSTED_WRITERS):
        return InfoTag(mp3_frames or None)
    delays = int.from_bytes(lame[_DELAYS_AT:], "big")
    return InfoTag(mp3_frames or None, delays >> 12, delays & 0xFFF)
