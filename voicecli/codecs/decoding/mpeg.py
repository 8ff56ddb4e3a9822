"""Headers of MPEG audio and ADTS frames; pure.

Both formats frame themselves: every frame opens with a header that states its
length, so one frame leads to the next (`voicecli.codecs.decoding.mpegsync`).

Sources: ISO/IEC 11172-3 §2.4.2.3 and 13818-3 (MPEG-1 and MPEG-2 Layer III; MPEG-2.5
is Fraunhofer's extension to 8, 11.025 and 12 kHz), ISO/IEC 14496-3 §1.A.2 (ADTS).
"""

# ruff: noqa: PLR2004  the numbers are the standard's own codes and field widths

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Rates of Layer III by version code (3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5) and rate code."""

MPEG1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bitrates by code; 0 is "free format". MPEG-2.5 shares those of MPEG-2."""

ADTS_RATES_HZ = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000),
    *(22050, 16000, 12000, 11025, 8000, 7350),
)
"""Rates by their code in the ADTS header (table 1.18)."""

AAC_BLOCK_FRAMES = 1024

_MPEG1_FRAMES = 1152  # two granules; MPEG-2 and -2.5 have one


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the header of one frame states.

    ``frame_bytes`` includes the header, ``header_bytes`` the CRC after it if there is
    one. ``frames`` is how many PCM frames the payload decodes to at ``rate_hz`` (SBR,
    which the header does not show, doubles both). ``identity`` holds the bits that
    all frames of one stream have in common.
    """

    rate_hz: int
    channels: int
    frames: int
    frame_bytes: int
    header_bytes: int
    identity: int

    @property
    def is_mpeg1(self) -> bool:
        """Whether a Layer III frame is MPEG-1, of two granules."""
        return self.frames == _MPEG1_FRAMES

    @property
    def side_info_bytes(self) -> int:
        """Size of Layer III's side information (§2.4.1.7 of 11172-3 and 13818-3)."""
        if self.is_mpeg1:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


def mp3_header(data: bytes | bytearray, at: int = 0) -> FrameHeader | None:
    """Parse the Layer III header in the four bytes at ``at``; None if they are not one.

    Free-format frames (bitrate code 0), whose header does not state their length, are
    not accepted: no encoder in use for speech writes them.
    """
    word = int.from_bytes(data[at : at + 4], "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    bitrate, rate, emphasis = word >> 12 & 15, word >> 10 & 3, word & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1:
        return None
    if bitrate in {0, 15} or rate == 3 or emphasis == 2:
        return None
    rate_hz = MPEG_RATES_HZ[version][rate]
    kbps = (MPEG1_KBPS if version == 3 else MPEG2_KBPS)[bitrate]
    frames = _MPEG1_FRAMES if version == 3 else _MPEG1_FRAMES // 2
    return FrameHeader(
        rate_hz=rate_hz,
        channels=1 if word >> 6 & 3 == 3 else 2,
        frames=frames,
        frame_bytes=frames // 8 * kbps * 1000 // rate_hz + (word >> 9 & 1),
        header_bytes=4 if word >> 16 & 1 else 6,
        identity=word & 0xFFFE0C00,
    )


def adts_header(data: bytes | bytearray, at: int = 0) -> FrameHeader | None:
    """Parse the ADTS header in the seven bytes at ``at``; None if they are not one.

    A frame holds one to four raw data blocks of 1024 PCM frames each. ``channels`` is
    0 if only a program config element in the payload states them.
    """
    word = int.from_bytes(data[at : at + 7], "big")
    rate, channels, length = word >> 34 & 15, word >> 30 & 7, word >> 13 & 0x1FFF
    header_bytes = 7 if word >> 40 & 1 else 9
    if word >> 44 != 0xFFF or word >> 41 & 3 or rate >= len(ADTS_RATES_HZ):
        return None
    if length <= header_bytes:
        return None
    return FrameHeader(
        rate_hz=ADTS_RATES_HZ[rate],
        channels=8 if channels == 7 else channels,
        frames=AAC_BLOCK_FRAMES * ((word & 3) + 1),
        frame_bytes=length,
        header_bytes=header_bytes,
        identity=word >> 30 & 0x23F7,
    )


class Syntax(NamedTuple):
    """One frame format, as `voicecli.codecs.decoding.mpegsync.FrameReader` needs it."""

    name: str
    codec: str
    header_bytes: int
    header: Callable[[bytes | bytearray, int], FrameHeader | None]


MP3 = Syntax("MP3", "mp3", 4, mp3_header)
ADTS = Syntax("ADTS", "aac", 7, adts_header)
