"""What surrounds audio: ID3v2, ID3v1 and APEv2 tags, RIFF chunks, and padding.

Only the length matters; what they contain is ignored.
"""

from __future__ import annotations

import re
import struct

ID3V1_BYTES = 128
_ID3V2_HEADER_BYTES = 10
MAX_TAG_HEADER_BYTES = _APE_HEADER_BYTES = 32

CHUNK = struct.Struct("<4sI")
"""Id and size of a RIFF chunk."""

LARGE_CHUNKS = rb"LIST|id3 |ID3 |bext|cart|DISP|iXML|axml|_PMX|JUNK|junk|PAD |FLLR"
"""Ids of chunks that may hold pictures, long texts or padding, as a regular expression."""

MAX_LARGE_CHUNK_BYTES = 1 << 26
"""A chunk that claims more is sound whose bytes look like letters."""


_PADDING = re.compile(rb"[\0\r\n]*")


def padding_bytes(data: bytes | bytearray, at: int = 0) -> int:
    """Return how many NULs and line ends are at ``at``, which may stand between two files."""
    match = _PADDING.match(data, at)
    return match.end() - at if match else 0


def tag_bytes(data: bytes | bytearray, at: int = 0) -> int | None:
    """Return the size of the tag at ``at``: 0 if there is none, None if undecided.

    The size may exceed ``data``: it is for skipping, not for storing.
    """
    head = bytes(data[at : at + MAX_TAG_HEADER_BYTES])
    if head.startswith(b"TAG"):
        return ID3V1_BYTES
    if head.startswith(b"ID3"):
        return _id3v2_bytes(head)
    if head.startswith(b"APETAGEX"):
        return _ape_bytes(head)
    begun = any(magic.startswith(head) for magic in (b"TAG", b"ID3", b"APETAGEX"))
    return None if begun else 0


def _id3v2_bytes(head: bytes) -> int | None:
    """Parse ten bytes of header, whose length field has 4 x 7 bits (id3.org, ID3v2.4 §3.1)."""
    if len(head) < _ID3V2_HEADER_BYTES:
        return None
    if 0xFF in head[3:5] or max(head[6:10]) >= 0x80:  # noqa: PLR2004  a byte of more than 7 bits
        return 0
    length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    footer_bytes = _ID3V2_HEADER_BYTES if head[5] & 0x10 else 0
    return _ID3V2_HEADER_BYTES + length + footer_bytes


def _ape_bytes(head: bytes) -> int | None:
    """Parse the length: items and footer, without the header that bit 29 of the flags marks.

    From wiki.hydrogenaudio.org, "APE Tags Header". A footer met first belongs to an
    APEv1 tag, whose items were skipped as garbage.
    """
    if len(head) < _APE_HEADER_BYTES:
        return None
    is_header = head[23] & 0x20
    return _APE_HEADER_BYTES + (int.from_bytes(head[12:16], "little") if is_header else 0)
