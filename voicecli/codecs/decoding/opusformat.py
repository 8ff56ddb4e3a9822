"""The header of Ogg Opus (RFC 7845 section 5.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from voicecli.audio.pcm import NO_SPEAKERS
from voicecli.errors import CorruptStream, UnsupportedFormat

GRANULE_HZ = 48_000
"""Positions in Ogg Opus count at 48 kHz whatever the rate of the input."""

OPUS_HEAD = struct.Struct("<8sBBHIhB")
"""Magic, version, channels, pre-skip, input rate, gain, mapping family."""

_MONO_OR_STEREO, _SURROUND, _DISCRETE = 0, 1, 255
"""Channel mapping families (RFC 7845 section 5.1.1); 2 and 3 are ambisonics (RFC 8486)."""

MAX_CHANNELS = 8

_WAVE_ORDER = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
"""Position in the order of WAVE files of each channel of family 1, which has Vorbis's order."""


class ChannelMapping(NamedTuple):
    """Which coded channels make which channels of the output (RFC 7845 section 5.1.1)."""

    streams: int
    coupled: int
    sources: bytes
    speakers: int

    @classmethod
    def parse(cls, table: bytes, channels: int, family: int) -> ChannelMapping | None:
        """Parse the table; None if it says what family 0 implies.

        Raises:
            CorruptStream: numbers that contradict each other.
        """
        if table[: 2 + channels] == bytes((1, channels - 1, *range(channels))) and channels < 3:  # noqa: PLR2004  stereo
            return None
        if len(table) < 2 + channels:
            raise CorruptStream("the Opus header's channel mapping is too short")
        streams, coupled, sources = table[0], table[1], table[2 : 2 + channels]
        coded = streams + coupled
        if not 0 < streams <= MAX_CHANNELS or coupled > streams:
            raise CorruptStream("the Opus header's channel mapping is impossible")
        if any(source >= coded and source != _SILENT for source in sources):
            raise CorruptStream("the Opus header's channel mapping is impossible")
        if family == _DISCRETE:
            return cls(streams, coupled, sources, NO_SPEAKERS)
        order = _WAVE_ORDER.get(channels, range(channels))
        return cls(streams, coupled, bytes(sources[at] for at in order), 0)


_SILENT = 255
"""The source of a channel without sound."""


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The identification header (RFC 7845 section 5.1); ``pre_skip`` in frames at 48 kHz.

    ``mapping`` is None for plain mono and stereo.
    """

    channels: int
    pre_skip: int
    gain_q8: int
    mapping: ChannelMapping | None = None

    @classmethod
    def parse(cls, packet: bytes) -> OpusHead:
        """Parse the first packet of a logical stream, which begins with "OpusHead".

        Raises:
            CorruptStream: shorter than a header, no channels, or impossible numbers.
            UnsupportedFormat: a later version, ambisonics, or more than eight channels.
        """
        if len(packet) < OPUS_HEAD.size:
            raise CorruptStream("the Opus header is too short")
        _, version, channels, pre_skip, _, gain_q8, family = OPUS_HEAD.unpack_from(packet)
        if version > 15:  # noqa: PLR2004  the upper four bits are the incompatible part
            raise UnsupportedFormat(f"Opus header version {version} is not supported")
        if channels == 0:
            raise CorruptStream("the Opus header claims no channels")
        is_known = family in (_MONO_OR_STEREO, _SURROUND, _DISCRETE)
        if not is_known or channels > (2 if family == _MONO_OR_STEREO else MAX_CHANNELS):
            raise UnsupportedFormat(
                f"Ogg Opus with {channels} channels (mapping family {family}) is not supported"
            )
        mapping = None
        if family != _MONO_OR_STEREO:
            mapping = ChannelMapping.parse(packet[OPUS_HEAD.size :], channels, family)
        return cls(channels, pre_skip, gain_q8, mapping)
