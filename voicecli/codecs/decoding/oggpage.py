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
"""Everything before the lacing values, in the order above."""

CONTINUED, FIRST, LAST = 1, 2, 4
"""The flags."""

CHECKSUM_AT = 22

_SEGMENTS_AT = 26
_FULL_LACING = 255

REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in reverse order, for `bytes.translate`."""


def page_checksum(page: bytes | bytearray) -> int:
    """Compute the CRC-32 of a page whose checksum field is zero (RFC 3533 section 6).

    Ogg's CRC has zlib's polynomial, 0x04c11db7, with bits in the other order and
    without inversion at start and end. Reversing the bits of each byte lets zlib do
    the work at C speed; both of its inversions are undone.
    """
    reflected = zlib.crc32(page.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(REVERSED_BITS), "big")


class PageHeader(NamedTuple):
    """The header of a page.

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
        """Where the packet begins that continues on the next page; the page's end if none does."""
        return self.ends[-1] if self.ends else self.body_at

    def matches_checksum(self, raw: bytearray) -> bool:
        """Tell whether the checksum fits the whole page, of which ``raw`` is a scratch copy."""
        raw[CHECKSUM_AT : CHECKSUM_AT + 4] = b"\0\0\0\0"
        return page_checksum(raw) == self.checksum


def header_bytes(start: bytes | bytearray) -> int:
    """Return the size of the header that begins here, as far as it is known.

    Lacing values are included once their number is known.
    """
    return HEADER.size + start[_SEGMENTS_AT] if len(start) > _SEGMENTS_AT else HEADER.size


def read_header(start: bytearray) -> PageHeader | None:
    """Parse the complete header that begins here; None if it is of another version."""
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
