"""The headers of MPEG audio and ADTS frames, pure.

Both formats are self-framing: every frame opens with a header that tells its
own length, so whoever has found one frame knows where the next begins;
`voicecli.codecs.decoding.mpegsync` does that.

Sources: ISO/IEC 11172-3 §2.4.2.3 and 13818-3 (MPEG-1 and MPEG-2 Layer III; MPEG-2.5
is Fraunhofer's extension to 8, 11.025 and 12 kHz), ISO/IEC 14496-3 §1.A.2 (ADTS).
"""

# ruff: noqa: PLR2004  the numbers are the standard's own codes and field widths

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MPEG1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_ADTS_RATES_HZ = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000),
    *(22050, 16000, 12000, 11025, 8000, 7350),
)
_AAC_BLOCK_FRAMES = 1024


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What one frame's header says.

    ``frame_bytes`` counts the header, ``header_bytes`` the CRC behind it where
    there is one. ``frames`` is how many PCM frames the payload decodes to at
    ``rate_hz`` (SBR, which the header does not show, doubles both). ``identity``
    holds the bits that all frames of one stream have in common.
    """

    rate_hz: int
    channels: int
    frames: int
    frame_bytes: int
    header_bytes: int
    identity: int


def mp3_header(data: bytes | bytearray, at: int = 0) -> FrameHeader | None:
    """The Layer III header in the four bytes at ``at``, or None if they are none.

    Free-format frames (bit rate index 0), whose length the header does not
    tell, count as none: no encoder in use for speech writes them.
    """
    word = int.from_bytes(data[at : at + 4], "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    bitrate, rate, emphasis = word >> 12 & 15, word >> 10 & 3, word & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1:
        return None
    if bitrate in {0, 15} or rate == 3 or emphasis == 2:
        return None
    rate_hz = _MPEG_RATES_HZ[version][rate]
    granules = 2 if version == 3 else 1
    kbps = (_MPEG1_KBPS if granules == 2 else _MPEG2_KBPS)[bitrate]
    frames = 576 * granules
    return FrameHeader(
        rate_hz=rate_hz,
        channels=1 if word >> 6 & 3 == 3 else 2,
        frames=frames,
        frame_bytes=frames // 8 * kbps * 1000 // rate_hz + (word >> 9 & 1),
        header_bytes=4 if word >> 16 & 1 else 6,
        identity=word & 0xFFFE0C00,
    )


def adts_header(data: bytes | bytearray, at: int = 0) -> FrameHeader | None:
    """The ADTS header in the seven bytes at ``at``, or None if they are none.

    A frame holds one to four raw data blocks of 1024 PCM frames each.
    ``channels`` is 0 where only a program config element in the payload tells.
    """
    word = int.from_bytes(data[at : at + 7], "big")
    rate, channels, length = word >> 34 & 15, word >> 30 & 7, word >> 13 & 0x1FFF
    header_bytes = 7 if word >> 40 & 1 else 9
    if word >> 44 != 0xFFF or word >> 41 & 3 or rate >= len(_ADTS_RATES_HZ):
        return None
    if length <= header_bytes:
        return None
    return FrameHeader(
        rate_hz=_ADTS_RATES_HZ[rate],
        channels=8 if channels == 7 else channels,
        frames=_AAC_BLOCK_FRAMES * ((word & 3) + 1),
        frame_bytes=length,
        header_bytes=header_bytes,
        identity=word >> 30 & 0x23F7,
    )


class Syntax(NamedTuple):
    """One frame format, as `voicecli.codecs.decoding.mpegsync.FrameReader` needs to know it."""

    name: str
    header_bytes: int
    header: Callable[[bytes | bytearray, int], FrameHeader | None]


MP3 = Syntax("MP3", 4, mp3_header)
ADTS = Syntax("ADTS", 7, adts_header)
