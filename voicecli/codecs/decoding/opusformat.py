"""What Opus bytes say of themselves: the Ogg header (RFC 7845) and the packet's first bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from voicecli.errors import CorruptStream, UnsupportedFormat

_HEAD = struct.Struct("<8sBBHIhB")

TICK = 120  # 2.5 ms at 48 kHz: every Opus frame is a multiple of it
_MAX_PACKET = 5_760  # 120 ms: the longest packet (RFC 6716 section 3.2.5)


def _frame_lengths() -> bytes:
    """Frame length by TOC byte, in ticks of 2.5 ms (RFC 6716 section 3.1, table 2)."""
    silk, hybrid, celt = (4, 8, 16, 24), (4, 8), (1, 2, 4, 8)
    by_config = silk * 3 + hybrid * 2 + celt * 4
    return bytes(by_config[toc >> 3] for toc in range(256))


_FRAME_TICKS = _frame_lengths()


def packet_length(packet: bytes) -> int:
    """Frames at 48 kHz in a packet, by its first two bytes; 0 if no packet can be so.

    The lower bits of the TOC byte say how many Opus frames there are: one, two,
    two, or as many as the next byte's lower six bits say (RFC 6716 section 3.2).
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
    length = _FRAME_TICKS[toc] * count * TICK
    return length if length <= _MAX_PACKET else 0


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The identification header (RFC 7845 section 5.1); ``pre_skip`` in frames at 48 kHz."""

    channels: int
    pre_skip: int
    gain_q8: int

    @classmethod
    def parse(cls, packet: bytes) -> OpusHead:
        """Read the first packet of a logical stream, which begins with "OpusHead".

        Raises:
            CorruptStream: shorter than a header, or no channels.
            UnsupportedFormat: a later version, or more than two channels.
        """
        if len(packet) < _HEAD.size:
            raise CorruptStream("the Opus header is too short")
        _, version, channels, pre_skip, _, gain_q8, family = _HEAD.unpack_from(packet)
        if version > 15:  # noqa: PLR2004  the upper four bits are the incompatible part
            raise UnsupportedFormat(f"Opus header version {version} is not supported")
        if channels == 0:
            raise CorruptStream("the Opus header claims no channels")
        if channels > 2 or (family != 0 and not _is_plain(packet[_HEAD.size :], channels)):  # noqa: PLR2004  stereo
            raise UnsupportedFormat(
                f"Ogg Opus with {channels} channels (mapping family {family}) is not supported, "
                "only mono and stereo"
            )
        return cls(channels, pre_skip, gain_q8)


def _is_plain(mapping: bytes, channels: int) -> bool:
    """Whether a channel mapping table says no more than family 0 does without one."""
    return mapping[: 2 + channels] == bytes((1, channels - 1, *range(channels)))
