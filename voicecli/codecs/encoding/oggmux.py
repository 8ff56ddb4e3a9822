"""Packets to Ogg pages (RFC 3533); `voicecli.codecs.decoding.oggpage` draws the layout.

Only what a stream of short packets needs: a page holds whole packets, so none
continues on the next and every page has a granule position.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.oggpage import (
    CAPTURE,
    CHECKSUM_AT,
    FIRST,
    HEADER,
    LAST,
    page_checksum,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECKSUM = struct.Struct("<I")

MAX_SEGMENTS = 255
"""Most lacing values on a page."""


def segments(packet: bytes) -> int:
    """Count the lacing values of a packet: one per 255 bytes, and a last one below 255."""
    return len(packet) // 255 + 1


class OggMuxer:
    """Makes the pages of one logical stream, in order, with sequence number and checksum.

    ``serial`` (uint32) distinguishes the stream from others that it may be chained or
    multiplexed with.
    """

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._sequence = 0

    def page(
        self, packets: Sequence[bytes], granule: int, *, first: bool = False, last: bool = False
    ) -> bytes:
        """Make one page of whole packets.

        ``granule`` is the position at the end of the last packet, in the codec's own
        units; ``first`` and ``last`` mark the ends of the stream.

        Raises:
            ValueError: no packet, or more than `MAX_SEGMENTS` lacing values.
        """
        lacing = b"".join(
            b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets
        )
        if not 0 < len(lacing) <= MAX_SEGMENTS:
            raise ValueError(f"a page of {len(lacing)} segments")
        flags = FIRST * first | LAST * last
        page = bytearray(
            HEADER.pack(CAPTURE, 0, flags, granule, self._serial, self._sequence, 0, len(lacing))
        )
        page += lacing
        page += b"".join(packets)
        _CHECKSUM.pack_into(page, CHECKSUM_AT, page_checksum(page))
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        return bytes(page)
