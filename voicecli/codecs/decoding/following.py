"""Find where another format begins among samples whose end is not known, and what follows them.

Only signs that samples cannot show by chance count: the beginning of a WAV or FLAC file, of
an Ogg stream, and an ID3 or info tag with several frames of MP3 or AAC behind it. Frames
without a tag do not: their headers are what faint samples look like.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.audio.tags import CHUNK, LARGE_CHUNKS, MAX_LARGE_CHUNK_BYTES, tag_bytes
from voicecli.codecs.decoding.framing import ADTS_FRAMES, MP3_FRAMES, audio_at, frames_at
from voicecli.codecs.decoding.magic import codec_at
from voicecli.codecs.text_response import readable

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_CHUNKS = (b"fmt ", b"JUNK", b"junk", b"bext", b"LIST", b"fact")
_HEADER_BYTES = 16

CHUNK_ID = re.compile(rb"[A-Za-z0-9_ ]{4}")
_LARGE_CHUNK = re.compile(LARGE_CHUNKS)

_MAX_CHUNK_BYTES = 1 << 20
"""The same for any other chunk as `MAX_LARGE_CHUNK_BYTES` for those."""

_TAG = re.compile(rb"TAG|ID3[\2-\4]|APETAGEX")

_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.DOTALL)
_OGG = b"OggS\0\2" + bytes(8)
"""The first page of a stream: version, flags and a position of 0."""

_ID3 = re.compile(rb"ID3[\2-\4]\0[\x00\x10\x40\x80\xc0]", re.DOTALL)
_MAX_TAG_BYTES = 4_096
"""A longer tag is not looked behind: samples are held back meanwhile."""

_INFO = re.compile(rb"Info|Xing")
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_MAX_INFO_BYTES = 1_500
"""An info tag is in the first frame, of 1,441 bytes at most; the next begins behind it."""

_MAX_SYNCS = 32
_FOLLOWERS = 3
_APART_BYTES = 64
"""A tag is not looked behind if another is within so many bytes: crafted ones cost no more."""

_BEGUN = re.compile(rb"(?:f(?:La?)?|O(?:gg?)?|ID?|In?f?|X(?:in?)?)\Z")
"""A sign that the end of the bytes cuts."""


def find_header(buffer: bytes, start: int) -> tuple[int, bool]:
    """Find the next RIFF/WAVE header at or after ``start``.

    Returns its position and True; or False and where a header may begin that the end
    of ``buffer`` cuts, else the length of ``buffer``. A header needs "WAVE" and the id
    of a usual first chunk: 96 bits that audio does not match by chance.
    """
    end = len(buffer)
    # Nearly always there is none, which rfind finds out in half the time.
    at = buffer.find(b"RIFF", start) if buffer.rfind(b"RIFF", start) >= 0 else -1
    while at >= 0:
        if _may_be_header(buffer, at):
            return at, at + _HEADER_BYTES <= end
        at = buffer.find(b"RIFF", at + 1)
    tail_at = buffer.rfind(b"R", max(start, end - 3))
    return (tail_at if tail_at >= 0 and b"RIFF".startswith(buffer[tail_at:]) else end), False


def _may_be_header(buffer: bytes, at: int) -> bool:
    """Tell whether the bytes at ``at``, as many as there are, match a header."""
    form = buffer[at + 8 : at + 12]
    first = buffer[at + 12 : at + 16]
    return b"WAVE".startswith(form) and any(known.startswith(first) for known in _FIRST_CHUNKS)


def is_trailer(head: bytes) -> bool:
    """Tell whether bytes behind the data of a WAV begin something that is not samples.

    It is a chunk, a tag, text, another format, or holds a header.
    """
    name, size_bytes = CHUNK.unpack_from(head + bytes(CHUNK.size))
    is_large = _LARGE_CHUNK.match(name) is not None
    max_bytes = MAX_LARGE_CHUNK_BYTES if is_large else _MAX_CHUNK_BYTES
    is_chunk = CHUNK_ID.match(name) is not None and size_bytes <= max_bytes
    is_tag = _TAG.match(head) is not None or readable(head) is not None
    return is_chunk or is_tag or audio_at(head)[0] is not None or find_header(head, 0)[1]


def find_other(buffer: bytes, start: int, *, final: bool) -> tuple[int, str | None]:
    """Find audio in a format other than WAV at or after ``start``.

    Returns its position and name; or None and where some may begin that more bytes would
    show (never if ``final``), else the length of ``buffer``.
    """
    found_at, name = len(buffer), None
    for sign, check in _SIGNS:
        at = buffer.find(sign, start)
        while 0 <= at < found_at:
            codec, is_open = check(buffer, at)
            is_open &= not final
            if codec or is_open:
                found_at, name = at, None if is_open else codec
                break
            at = buffer.find(sign, at + 1)
    if name is None and not final and (begun := _BEGUN.search(buffer, max(start, len(buffer) - 3))):
        found_at = min(found_at, begun.start())
    return found_at, name


def _flac(buffer: bytes, at: int) -> tuple[str | None, bool]:
    return "flac" if _FLAC.match(buffer, at) else None, len(buffer) < at + 8


def _ogg(buffer: bytes, at: int) -> tuple[str | None, bool]:
    head = buffer[at : at + len(_OGG)]
    return "Ogg" if head == _OGG else None, len(head) < len(_OGG) and _OGG.startswith(head)


def _tagged(buffer: bytes, at: int) -> tuple[str | None, bool]:
    """Check for an ID3 tag before audio; a WAV behind it is found by its own header."""
    size_bytes = tag_bytes(buffer, at)
    if size_bytes is None:
        return None, True
    if not _ID3.match(buffer, at) or size_bytes > _MAX_TAG_BYTES:
        return None, False
    if _ID3.search(buffer, at + 1, at + _APART_BYTES):
        return None, False
    is_cut = len(buffer) < at + _APART_BYTES
    codec, is_open = codec_at(buffer, at + size_bytes)
    for framing in (MP3_FRAMES, ADTS_FRAMES) if codec is None else ():
        matches = frames_at(framing, buffer, at + size_bytes, 2)
        if matches:
            return framing.codec, is_cut
        is_open |= matches is None
    return (None if codec == "wav" else codec), is_open or is_cut


def _info(buffer: bytes, at: int) -> tuple[str | None, bool]:
    """Check for frames behind the tag in the first of them."""
    if _INFO.search(buffer, at + 1, at + _APART_BYTES):
        return None, False
    is_open = len(buffer) < at + _MAX_INFO_BYTES
    syncs = _SYNC.finditer(buffer, at, at + _MAX_INFO_BYTES)
    for sync, _ in zip(syncs, range(_MAX_SYNCS), strict=False):
        matches = frames_at(MP3_FRAMES, buffer, sync.start(), _FOLLOWERS)
        if matches:
            return "mp3", len(buffer) < at + _APART_BYTES
        is_open |= matches is None
    return None, is_open


_SIGNS: tuple[tuple[bytes, Callable[[bytes, int], tuple[str | None, bool]]], ...] = (
    (b"fLaC", _flac),
    (b"OggS", _ogg),
    (b"ID3", _tagged),
    (b"Info", _info),
    (b"Xing", _info),
)
"""Signs, and what tells which format one begins, if any, and whether more bytes may change that."""
