"""Which codec an Ogg stream carries, by the first packet of each logical stream (RFC 3533)."""

from __future__ import annotations

from voicecli.codecs.decoding.oggpage import CAPTURE, FIRST, HEADER, header_bytes, read_header
from voicecli.errors import UnsupportedFormat

_MAGICS = (
    (b"OpusHead", "Opus"),
    (b"\x01vorbis", "Vorbis"),
    (b"\x7fFLAC", "FLAC"),
    (b"Speex   ", "Speex"),
    (b"\x80theora", "Theora"),
    (b"fishead\x00", "Skeleton"),
    (b"CELT    ", "CELT"),
)


_LONGEST_MAGIC = 8


def codec_of(first_packet: bytes) -> str | None:
    """Return the codec that the first packet of a logical stream names, None if unknown."""
    return next((name for magic, name in _MAGICS if first_packet.startswith(magic)), None)


def find_ogg_codec(data: bytes, *, final: bool) -> tuple[str | None, bool]:
    """Return "opus" if one of the streams that begin here is Opus, or may be.

    The flag tells whether more bytes may find one: the first pages of all streams come
    before any other page (RFC 3533 section 4). A skeleton does not name the streams.

    Raises:
        UnsupportedFormat: all streams are of other codecs; the message names the first.
    """
    at, first = 0, None
    while True:
        header_end = at + header_bytes(data[at : at + HEADER.size])
        head = bytearray(data[at:header_end])
        is_page = len(head) >= HEADER.size and head.startswith(CAPTURE)
        page = read_header(head) if is_page and len(data) >= header_end else None
        body = data[header_end : header_end + _LONGEST_MAGIC]
        if len(body) < _LONGEST_MAGIC and not final:
            return None, True
        if page is None or not page.flags & FIRST:
            break
        codec = codec_of(body)
        if codec in (None, "Opus", "Skeleton"):
            return "opus", False
        first, at = first or codec, at + page.size
    if first is None:
        return "opus", False  # cut, or damaged: the decoder reports that
    raise UnsupportedFormat(f"{first} in Ogg is not supported, only Opus")
