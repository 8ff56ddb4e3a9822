"""Where metadata ends: tags, chunks and comments, whose text is never an error of the server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.audio.tags import (
    CHUNK,
    ID3V1_BYTES,
    LARGE_CHUNKS,
    MAX_LARGE_CHUNK_BYTES,
    tag_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTEXT_BYTES = 1 << 16
"""Bytes that are looked back on. What is larger holds a picture, mostly behind its texts."""

_STARTS = re.compile(
    rb"(?P<chunk>%b)|(?P<tag>ID3[\2-\4]|APETAGEX|TAG)|(?P<page>OggS\0)|(?P<blocks>fLaC)"
    % LARGE_CHUNKS
)
_PAGE_SEGMENTS_AT = 26
_COMMENTS = (b"OpusTags", b"\x03vorbis")
_LAST_BLOCK = 0x80
_BLOCK_HEADER_BYTES = 4


class MetadataScanner:
    """Finds metadata in a stream, and its end by the length that it states."""

    def __init__(self) -> None:
        self._before = bytearray()

    def pass_by(self, data: bytes) -> None:
        """Remember bytes that were passed on."""
        self._before += data
        if len(self._before) > 2 * _CONTEXT_BYTES:
            del self._before[:-_CONTEXT_BYTES]

    def units(self, data: bytes, *, final: bool) -> Iterator[tuple[int, int]]:
        """Yield where each piece of metadata begins and ends, as positions in ``data``.

        ``data`` follows what was passed on, and is the last of it if ``final``. Metadata may
        begin before ``data`` and end behind it.
        """
        before = bytes(self._before[-_CONTEXT_BYTES:])
        seen, at = before + data, 0
        while start := _STARTS.search(seen, at):
            size_bytes = _unit_bytes(seen, start, final=final)
            at = start.start() + (size_bytes or 1)
            if size_bytes:
                yield start.start() - len(before), at - len(before)


def _unit_bytes(data: bytes, start: re.Match[bytes], *, final: bool) -> int:
    """Return the length that a tag, chunk or page states; 0 if it is none."""
    at = start.start()
    if start["tag"]:
        size_bytes = tag_bytes(data, at) or 0
        is_word = start["tag"] == b"TAG" and final and len(data) < at + ID3V1_BYTES
        return 0 if is_word else size_bytes
    if start["page"]:
        return _comment_page_bytes(data[at:])
    if start["blocks"]:
        return _flac_blocks_bytes(data[at:])
    if len(data) < at + CHUNK.size:
        return 0
    _, size_bytes = CHUNK.unpack_from(data, at)
    return CHUNK.size + size_bytes if size_bytes <= MAX_LARGE_CHUNK_BYTES else 0


def _comment_page_bytes(page: bytes) -> int:
    """Return the length of an Ogg page that holds comments (RFC 3533 section 6); else 0."""
    if len(page) <= _PAGE_SEGMENTS_AT:
        return 0
    lacing = page[_PAGE_SEGMENTS_AT + 1 :][: page[_PAGE_SEGMENTS_AT]]
    header_bytes = _PAGE_SEGMENTS_AT + 1 + page[_PAGE_SEGMENTS_AT]
    return header_bytes + sum(lacing) if page[header_bytes:].startswith(_COMMENTS) else 0


def _flac_blocks_bytes(data: bytes) -> int:
    """Return the length of the metadata of a FLAC stream, as far as ``data`` shows (RFC 9639)."""
    end, is_last = len(b"fLaC"), False
    while not is_last and end + _BLOCK_HEADER_BYTES <= len(data):
        is_last = bool(data[end] & _LAST_BLOCK)
        end += _BLOCK_HEADER_BYTES + int.from_bytes(data[end + 1 : end + 4], "big")
    return end
