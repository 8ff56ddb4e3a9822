"""Decompress answers (RFC 9110, 8.4.1), although `voicecli` asks for none.

httpx2 decompresses gzip as well, but takes a stream that ends early for a whole one.
"""

from __future__ import annotations

import itertools
import re
import zlib
from typing import TYPE_CHECKING

from voicecli.errors import BadResponse, NetworkError
from voicecli.sources.remedies import LOOK_FOR_PROXY, TRY_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STEP_BYTES = 64 * 1024
"""Upper bound on a decompressed chunk: a kilobyte can expand to a megabyte."""

_ZLIB_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_GZIP_ID = 0x1F
"""The first byte of a gzip member (RFC 1952, 2.3.1)."""

_TEXT_START = re.compile(rb"[{<]|data:|event:|[A-Za-z]{2,16},? [A-Za-z]")
_MAX_START_BYTES = 19

_MAX_CHUNKS_BEHIND = 64
"""Upper bound on chunks that are searched for the start of a text."""

_UNSUPPORTED = {"br", "compress", "x-compress", "zstd", "dcb", "dcz", "exi", "pack200-gzip"}
"""The other names of IANA's registry; anything else, such as a charset, is ignored."""


def decompressed(chunks: Iterable[bytes], content_encoding: str) -> Iterator[bytes]:
    """Yield what ``chunks`` contain under this ``Content-Encoding`` header.

    Raises:
        BadResponse: the encoding is not supported, or the data is not in it.
        NetworkError: the compressed data ended early.
    """
    # Nothing downstream would undo these: the bytes would be played as sound.
    codings = {name.strip() for name in content_encoding.lower().split(",")}
    if unsupported := codings & _UNSUPPORTED:
        names = " and ".join(sorted(unsupported))
        raise BadResponse(
            f"the server compressed its answer with {names}, against the request",
            remedy=LOOK_FOR_PROXY,
        )
    bits = next((_ZLIB_BITS[name] for name in codings if name in _ZLIB_BITS), None)
    return iter(chunks) if bits is None else _inflated(chunks, bits)


def _inflated(chunks: Iterable[bytes], bits: int) -> Iterator[bytes]:
    member = None
    received = 0
    chunks = iter(chunks)
    for chunk in chunks:
        received += len(chunk)
        data, is_full = chunk, False
        while data or is_full:
            if member is not None and member.eof and not (bits & 16 and data[0] == _GZIP_ID):
                yield from _text_at(itertools.chain([data], chunks))
                return  # what was compressed is whole
            if member is None or member.eof:  # one may follow another (RFC 1952, 2.2)
                is_raw = bits == zlib.MAX_WBITS and data[0] & 15 != zlib.DEFLATED
                member = zlib.decompressobj(-bits if is_raw else bits)
            try:
                clear = member.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                message = f"the server sent a badly compressed answer: {error}"
                raise BadResponse(message, remedy=LOOK_FOR_PROXY) from error
            if clear:
                yield clear
            data = member.unused_data or member.unconsumed_tail
            is_full = len(clear) == _STEP_BYTES and not member.eof  # more may be held inside
    if member is not None and not member.eof:
        raise NetworkError(
            f"the compressed answer ended early, after {received} bytes", remedy=TRY_AGAIN
        )


def _text_at(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what a failing server appended without compressing it; drop padding and rubbish."""
    begun = b""
    for chunk in itertools.islice(chunks, _MAX_CHUNKS_BEHIND):
        begun = (begun + chunk).lstrip(b"\0\r\n\t ")
        if len(begun) >= _MAX_START_BYTES:
            break
    if _TEXT_START.match(begun):
        yield begun
        yield from chunks
