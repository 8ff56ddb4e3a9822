"""Headers of Opus: the one in Ogg (RFC 7845) and the first bytes of a packet."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from voicecli.errors import CorruptStream, UnsupportedFormat

GRANULE_HZ = 48_000
"""Positions in Ogg Opus count at 48 kHz whatever the rate of the input."""

OPUS_HEAD = struct.Struct("<8sBBHIhB")
"""Magic, version, channels, pre-skip, input rate, gain, mapping family."""

TICK = 120  # 2.5 ms at 48 kHz: every Opus frame is a multiple of it
_MAX_PACKET = 5_760  # 120 ms: the longest packet (RFC 6716 section 3.2.5)

_FRAME_TICKS = (4, 8, 16, 24) * 3 + (4, 8) * 2 + (1, 2, 4, 8) * 4
"""Frame lengths of SILK, hybrid and CELT by config number (RFC 6716 section 3.1, table 2)."""


def packet_length(packet: bytes) -> int:
    """Return the frames at 48 kHz in a packet, by its first two bytes; 0 if it is invalid.

    The lower bits of the TOC byte state the number of Opus frames: one, two, two, or as
    many as the lower six bits of the next byte state (RFC 6716 section 3.2).
    """
    if not packet:
        return 0
    toc = packet[0]
    code = toc & 3
    if code < 3:  # noqa: PLR2004  code 3 has a count byte
        count = 2 if code else 1
    elif len(packet) > 1:
        count = packet[1] & 0x3F
    else:
        return 0
    length = _FRAME_TICKS[toc >> 3] * count * TICK
    return length if length <= _MAX_PACKET else 0


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The identification header (RFC 7845 section 5.1); ``pre_skip`` in frames at 48 kHz."""

    channels: int
    pre_skip: int
    gain_q8: int

    @classmethod
    def parse(cls, packet: bytes) -> OpusHead:
        """Parse the first packet of a logical stream, which begins with "OpusHead".

        Raises:
            CorruptStream: shorter than a header, or no channels.
            UnsupportedFormat: a later version, or more than two channels.
        """
        if len(packet) < OPUS_HEAD.size:
            raise CorruptStream("the Opus header is too short")
        _, version, channels, pre_skip, _, gain_q8, family = OPUS_HEAD.unpack_from(packet)
        if version > 15:  # noqa: PLR2004  the upper four bits are the incompatible part
            raise UnsupportedFormat(f"Opus header version {version} is not supported")
        if channels == 0:
            raise CorruptStream("the Opus header claims no channels")
        mapping = packet[OPUS_HEAD.size :]
        if channels > 2 or (family != 0 and not _is_plain(mapping, channels)):  # noqa: PLR2004  stereo
            raise UnsupportedFormat(
                f"Ogg Opus with {channels} channels (mapping family {family}) is not supported, "
                "only mono and stereo"
            )
        return cls(channels, pre_skip, gain_q8)


def _is_plain(mapping: bytes, channels: int) -> bool:
    """Tell whether a channel mapping table is the one that family 0 implies."""
    return mapping[: 2 + channels] == bytes((1, channels - 1, *range(channels)))
