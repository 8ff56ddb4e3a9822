"""An Ogg page: its layout, its header, its checksum (RFC 3533).

A page is the unit that is numbered, checksummed and found again after damage::

    0  "OggS"        capture pattern
    4  version       0
    5  flags         1 continues a packet, 2 first page of its stream, 4 last
    6  granule       int64: position after the last packet that ends here, −1 if none does
    14 serial        which of the multiplexed or chained logical streams
    18 sequence      page number within that stream
    22 CRC-32        over the whole page with this field zero
    26 segments      n, then n lacing values, then the body

A packet is a run of lacing values that a value below 255 ends; a page whose last
value is 255 leaves its packet to be continued on the next page of that serial.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

CAPTURE = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
"""Everything in front of the lacing values, in the order above."""

CONTINUED, FIRST, LAST = 1, 2, 4
"""The flags."""

CHECKSUM_AT = 22

_SEGMENTS_AT = 26
_FULL_LACING = 255

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def page_checksum(page: bytes | bytearray) -> int:
    """CRC-32 of a page whose checksum field is zero (RFC 3533 section 6).

    Ogg's CRC has zlib's polynomial, 0x04c11db7, with bits the other way round and
    a register that starts and ends plain. Reversing the bits of each byte, a
    table look-up in C, lets zlib do the work; both of its inversions are undone.
    """
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


class PageHeader(NamedTuple):
    """What a page says of itself.

    ``body_at``, ``size`` and ``ends`` (where packets end) are in bytes from the
    start of the page, the rest is as in the layout.
    """

    flags: int
    granule: int
    serial: int
    sequence: int
    checksum: int
    body_at: int
    size: int
    ends: list[int]

    @property
    def tail_at(self) -> int:
        """Where the packet begins that is left open; the page's end where none is."""
        return self.ends[-1] if self.ends else self.body_at

    def vouches_for(self, raw: bytearray) -> bool:
        """Whether the checksum is that of the whole page, of which ``raw`` is a copy to work in."""
        raw[CHECKSUM_AT : CHECKSUM_AT + 4] = b"\0\0\0\0"
        return page_checksum(raw) == self.checksum


def header_bytes(start: bytearray) -> int:
    """Length of the header that begins here, lacing values included, as far as it can be known."""
    return HEADER.size + start[_SEGMENTS_AT] if len(start) > _SEGMENTS_AT else HEADER.size


def read_header(start: bytearray) -> PageHeader | None:
    """Read the header that begins here and is all there; None where it is of another version."""
    _, version, flags, granule, serial, sequence, checksum, count = HEADER.unpack_from(start)
    if version != 0:
        return None
    body_at = end = HEADER.size + count
    ends: list[int] = []
    for lacing in start[HEADER.size : body_at]:
        end += lacing
        if lacing != _FULL_LACING:
            ends.append(end)
    return PageHeader(flags, granule, serial, sequence, checksum, body_at, end, ends)
