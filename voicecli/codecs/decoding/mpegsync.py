"""Split a byte stream into MPEG audio frames.

Between frames, real streams hold the tags of files that were concatenated (ID3v2
before, ID3v1 and APEv2 after the audio) and sometimes garbage. `FrameReader` skips
both, but no other audio.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from voicecli.audio.tags import ID3V1_BYTES, tag_bytes
from voicecli.codecs.decoding.framing import audio_at
from voicecli.codecs.decoding.mpeg import FrameHeader
from voicecli.errors import CorruptStream, TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.codecs.decoding.mpeg import Syntax

MAX_GARBAGE_BYTES = 64 * 1024
"""Bytes in a row that may be skipped in search of a frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame; ``after_tag`` if it is the first of the stream or follows a tag."""

    header: FrameHeader
    data: bytes
    after_tag: bool


class _Skip(NamedTuple):
    """Bytes to skip: a tag, or garbage."""

    size_bytes: int
    is_tag: bool = False


_Piece: TypeAlias = FrameHeader | _Skip | None

_LANDMARK = re.compile(rb"\xff[\xe0-\xff]|ID3|APETAGEX|OggS|fLaC|RIFF")
_LONGEST_LANDMARK = 8
_SYNC_BYTE = 0xFF


class FrameReader:
    """Splits bytes into frames; skips tags, and garbage up to `MAX_GARBAGE_BYTES`.

    A header where the last frame ended, or at the very start, is trusted, so a frame
    comes out with its own last byte. Anywhere else, or if the header differs from its
    stream's, a second header must follow where the first says: two bytes of sync
    occur by chance in any payload.
    """

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._buffer = bytearray()
        self._at = 0
        self._tag_left_bytes = 0
        self._garbage_bytes = 0
        self._synced = True
        self._after_tag = True
        self._last: FrameHeader | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes, yield the frames that they complete. Must be run to its end.

        Raises:
            CorruptStream: more than `MAX_GARBAGE_BYTES` in a row without a frame, or
                audio in another format.
        """
        self._buffer += data
        return self._read(final=False)

    def finish(self) -> Iterator[Frame]:
        """Yield the frames that only the end of the stream confirms.

        Raises:
            TruncatedStream: the stream ends inside a frame or a tag.
            CorruptStream: as in `feed`.
        """
        yield from self._read(final=True)
        if self._tag_left_bytes:
            raise TruncatedStream(f"the {self._syntax.name} stream ends inside a tag")
        if self._buffer:
            raise TruncatedStream(f"the {self._syntax.name} stream ends inside a frame")

    def _read(self, *, final: bool) -> Iterator[Frame]:
        while self._skip_tag() and (piece := self._look(final=final)) is not None:
            if isinstance(piece, FrameHeader):
                yield self._take(piece)
            elif piece.is_tag:
                self._tag_left_bytes = piece.size_bytes
                self._synced, self._after_tag, self._last = True, True, None
            else:
                if self._may_be_other_audio() and not final:
                    break
                self._at += piece.size_bytes
                self._synced = False
                self._garbage_bytes += piece.size_bytes
                if self._garbage_bytes > MAX_GARBAGE_BYTES:
                    raise CorruptStream(f"the stream contains no more {self._syntax.name} audio")
        del self._buffer[: self._at]
        self._at = 0

    def _may_be_other_audio(self) -> bool:
        """Raise CorruptStream for another format here; tell whether more bytes may show one.

        It is looked for where garbage begins and at landmarks, which no split changes.
        """
        if not self._synced and not _LANDMARK.match(self._buffer, self._at):
            return False
        other, is_open = audio_at(self._buffer, self._at)
        if other not in {None, self._syntax.codec}:
            what = f"{other} audio follows the {self._syntax.name} audio"
            raise CorruptStream(f"{what}, and is not played")
        return is_open

    def _skip_tag(self) -> bool:
        """Skip what is there of a tag; return whether that was all of it."""
        step = min(self._tag_left_bytes, len(self._buffer) - self._at)
        self._at += step
        self._tag_left_bytes -= step
        return not self._tag_left_bytes

    def _take(self, header: FrameHeader) -> Frame:
        end = self._at + header.frame_bytes
        frame = Frame(header, bytes(self._buffer[self._at : end]), self._after_tag)
        self._at = end
        self._last = header
        self._synced, self._after_tag, self._garbage_bytes = True, False, 0
        return frame

    def _look(self, *, final: bool) -> _Piece:
        """Identify the bytes at the read position; None if more bytes must decide.

        At the end of the stream None means that it is cut.
        """
        ahead = len(self._buffer) - self._at
        if self._synced and self._buffer.startswith(b"TAG", self._at):
            return _Skip(ID3V1_BYTES, is_tag=True)  # elsewhere three letters are a weak sign
        mark = _LANDMARK.search(self._buffer, self._at)
        if mark is None:
            return self._look_without_mark(ahead, final=final)
        if mark.start() > self._at:
            return _Skip(mark.start() - self._at)
        if mark[0][0] != _SYNC_BYTE:
            size_bytes = tag_bytes(self._buffer, self._at)
            if size_bytes:
                return _Skip(size_bytes, is_tag=True)
            return None if size_bytes is None and not final else _Skip(1)
        return self._look_at_header(ahead, final=final)

    def _look_without_mark(self, ahead: int, *, final: bool) -> _Piece:
        if final:
            cut = self._synced and self._buffer[self._at :] == b"\xff"
            return None if cut or not ahead else _Skip(ahead)
        # A landmark, or "TAG", may begin in the last bytes.
        surplus = ahead - (_LONGEST_LANDMARK - 1)
        return _Skip(surplus) if surplus > 0 else None

    def _look_at_header(self, ahead: int, *, final: bool) -> _Piece:
        if ahead < self._syntax.header_bytes:
            return _Skip(1) if final and not self._synced else None
        header = self._syntax.header(self._buffer, self._at)
        if header is None:
            return _Skip(1)
        if self._synced and (self._last is None or self._last.identity == header.identity):
            return header if ahead >= header.frame_bytes else None
        followed = self._is_followed(header, final=final)
        if followed is None:
            return None
        return header if followed else _Skip(1)

    def _is_followed(self, header: FrameHeader, *, final: bool) -> bool | None:
        """Tell whether a frame of the same stream, a tag or the end follows; None if undecided."""
        at = self._at + header.frame_bytes
        behind = bytes(self._buffer[at : at + self._syntax.header_bytes])
        if len(behind) < self._syntax.header_bytes:
            if final and self._synced:  # where a frame is due, this is one, if a cut one
                return None if at > len(self._buffer) else True
            return at == len(self._buffer) if final else None
        if behind[:3] in {b"ID3", b"TAG", b"APE"}:
            return True
        following = self._syntax.header(behind, 0)
        return following is not None and following.identity == header.identity
