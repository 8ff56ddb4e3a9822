"""Packets into Ogg pages (RFC 3533); the layout is drawn in `voicecli.codecs.ogg`.

Only what a stream of short packets needs: a page holds whole packets, so none
goes on in the next and every page has a granule position.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from voicecli.codecs.ogg import page_checksum

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = struct.Struct("<4sBBqIIIB")
_CHECKSUM = struct.Struct("<I")
_CHECKSUM_AT = 22
_FIRST, _LAST = 2, 4

MAX_SEGMENTS = 255
"""Lacing values that a page has room for."""


def segments(packet: bytes) -> int:
    """Lacing values of a packet: one for each 255 bytes begun, and one more after a full one."""
    return len(packet) // 255 + 1


class OggMuxer:
    """Makes the pages of one logical stream, in order, sequence number and checksum included.

    ``serial`` (uint32) tells the stream from others that it may be chained or
    multiplexed with.
    """

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._sequence = 0

    def page(
        self, packets: Sequence[bytes], granule: int, *, first: bool = False, last: bool = False
    ) -> bytes:
        """One page of whole packets.

        ``granule`` is the position at the end of the last of them, in the
        codec's own units; ``first`` and ``last`` mark the ends of the stream.

        Raises:
            ValueError: no packet, or more than `MAX_SEGMENTS` lacing values.
        """
        lacing = b"".join(
            b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets
        )
        if not 0 < len(lacing) <= MAX_SEGMENTS:
            raise ValueError(f"a page of {len(lacing)} segments")
        flags = _FIRST * first | _LAST * last
        page = bytearray(
            _HEADER.pack(b"OggS", 0, flags, granule, self._serial, self._sequence, 0, len(lacing))
        )
        page += lacing
        page += b"".join(packets)
        _CHECKSUM.pack_into(page, _CHECKSUM_AT, page_checksum(page))
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        return bytes(page)
