"""FLAC to samples, bit for bit.

libav's parser waits for about ten frames before it lets the first one go. Here
a frame goes to libav as soon as the header of the next one has shown where it
ends (`voicecli.codecs.decoding.flacheader`), and libav checks its CRC-16. Only the last
frame of a stream has no successor: a new ``fLaC``, a tag or the end of the bytes
ends it.

The decoder is one generator that reads the stream from top to bottom. It yields
blocks, and None wherever more bytes must come first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.flacheader import (
    MAX_HEADER_BYTES,
    STREAMINFO_BYTES,
    FlacFrameHeader,
    StreamInfo,
    crc16,
    flac_frame_header,
)
from voicecli.codecs.decoding.libav import LibavPacketDecoder
from voicecli.codecs.decoding.tags import tag_bytes
from voicecli.errors import CorruptStream, TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Generator

    from voicecli.audio.pcm import Pcm

    _T = TypeVar("_T")
    _Reading: TypeAlias = Generator[Pcm | None, None, _T]

_MARKER = b"fLaC"
_BLOCK_HEADER_BYTES = 4
_LONGEST_TAG_HEADER_BYTES = 32
_SYNC = re.compile(rb"\xff[\xf8\xf9]")  # a frame's
# The marker with the header of a STREAMINFO block behind it.
_NEXT_STREAM = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_NEXT_MARKERS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # the same, spelt out
_TAG = re.compile(rb"ID3|TAG|APETAGEX")
_LONGEST_BOUNDARY = 8


class _Span(NamedTuple):
    """The bytes of a frame, from the read position on.

    ``following`` is the next frame's header; ``sure`` is False where the bytes,
    or the patience, ran out before an end was seen.
    """

    size_bytes: int
    following: FlacFrameHeader | None = None
    sure: bool = True


class FlacDecoder(PushDecoder):
    """FLAC to int16, or to float32 where it is deeper; see `voicecli.codecs.decoding.base.Decoder`.

    Samples of less than 16 bits are left-aligned in int16; those of up to 24 are
    exact in float32. Metadata is skipped, not kept. A damaged or missing frame
    ends the stream: what is lossless is not patched. The total in STREAMINFO is
    believed unless it is 0, as streaming encoders write it; so a stream of nothing
    but metadata is empty, or cut where a total says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._at = 0
        self._all_in = False
        self._reading = self._read_streams()

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data
        for pcm in self._reading:
            if pcm is None:
                return
            blocks.append(pcm)

    def _finish(self, blocks: list[Pcm]) -> None:
        self._all_in = True
        for pcm in self._reading:
            assert pcm is not None, "waits for bytes that cannot come"
            blocks.append(pcm)

    # Reading: bytes are addressed relative to the read position, which `_push` moves.

    @property
    def _ahead_bytes(self) -> int:
        return len(self._buffer) - self._at

    def _peek(self, size_bytes: int) -> bytes:
        return bytes(self._buffer[self._at : self._at + size_bytes])

    def _take(self, size_bytes: int) -> bytes:
        taken = self._peek(size_bytes)
        self._at += size_bytes
        return taken

    def _wait(self, size_bytes: int) -> _Reading[None]:
        """Until that much lies ahead, or all there is."""
        while self._ahead_bytes < size_bytes and not self._all_in:
            yield None

    def _need(self, size_bytes: int) -> _Reading[None]:
        yield from self._wait(size_bytes)
        if self._ahead_bytes < size_bytes:
            raise TruncatedStream("the FLAC stream ends inside its metadata")

    def _skip(self, size_bytes: int) -> _Reading[None]:
        """Pass metadata without ever holding it: a cover picture may have megabytes."""
        while size_bytes > self._ahead_bytes:
            size_bytes -= self._ahead_bytes
            self._at = len(self._buffer)
            yield from self._need(1)
        self._at += size_bytes

    # Parsing

    def _read_streams(self) -> _Reading[None]:
        """All streams laid end to end; a short one is told at the very end."""
        cut: TruncatedStream | None = None
        found = False
        while (yield from self._read_marker()):
            found = True
            info = yield from self._read_metadata()
            position = yield from self._read_frames(info)
            if position < (info.total_frames or 0):
                cut = TruncatedStream(
                    f"the FLAC stream announced {info.total_frames} frames and held {position}"
                )
        if cut is not None:
            raise cut
        if not found:
            raise CorruptStream("the stream holds no FLAC audio")

    def _read_marker(self) -> _Reading[bool]:
        """Pass tags and ``fLaC``; False where the bytes end before one begins."""
        while True:
            head = self._peek(_LONGEST_TAG_HEADER_BYTES)
            if head.startswith(_MARKER):
                self._at += len(_MARKER)
                return True
            tag = tag_bytes(head)
            if tag:
                yield from self._skip(tag)
            elif tag == 0 and not _MARKER.startswith(head):
                raise CorruptStream("there is no FLAC where a FLAC stream should begin")
            elif not self._all_in:
                yield None
            elif head:
                raise TruncatedStream("the FLAC stream ends inside its marker")
            else:
                return False

    def _read_metadata(self) -> _Reading[StreamInfo]:
        """STREAMINFO, past all metadata blocks (§8)."""
        info: StreamInfo | None = None
        last = False
        while not last:
            yield from self._need(_BLOCK_HEADER_BYTES)
            word = int.from_bytes(self._take(_BLOCK_HEADER_BYTES), "big")
            last, kind, size_bytes = bool(word >> 31), word >> 24 & 0x7F, word & 0xFFFFFF
            if info is not None:
                yield from self._skip(size_bytes)
                continue
            if kind != 0 or size_bytes != STREAMINFO_BYTES:
                raise CorruptStream("the FLAC stream does not open with a STREAMINFO block")
            yield from self._need(STREAMINFO_BYTES)
            info = StreamInfo.parse(self._take(STREAMINFO_BYTES))
        assert info is not None, "the first block sets it"
        return info

    def _read_frames(self, info: StreamInfo) -> _Reading[int]:
        """One stream's audio; the number of PCM frames in it."""
        codec = _new_codec(info)
        position = 0
        header = yield from self._read_first_header(info)
        while header is not None:
            last = position + header.block_frames == info.total_frames
            span = yield from self._find_end(header, info, last=last)
            packet = self._take(span.size_bytes)
            blocks = self._decode(codec, packet, info, sure=span.sure)
            position += blocks[0].frames
            yield blocks[0]
            if len(blocks) > 1 or not (span.sure or self._all_in):
                raise CorruptStream("FLAC frames are missing or damaged")
            if not (span.sure or info.total_frames) and crc16(packet):
                raise TruncatedStream("the FLAC stream ends inside a frame")
            header = span.following
        return position

    def _read_first_header(self, info: StreamInfo) -> _Reading[FlacFrameHeader | None]:
        """The header behind the metadata; None where the stream is empty."""
        yield from self._wait(MAX_HEADER_BYTES)
        head = self._peek(MAX_HEADER_BYTES)
        header = flac_frame_header(head, 0, info)
        if header is not None:
            return header
        if not head or head.startswith(_MARKER):
            return None
        if len(head) < MAX_HEADER_BYTES:
            raise TruncatedStream("the FLAC stream ends before its first frame")
        raise CorruptStream("there is no FLAC frame where the first should begin")

    def _find_end(
        self, header: FlacFrameHeader, info: StreamInfo, *, last: bool
    ) -> _Reading[_Span]:
        """Where the frame at the read position ends."""
        limit = header.most_bytes
        at = header.header_bytes
        expected = header.following()
        while True:
            end = self._find_header(expected, at, limit)
            if end is not None:
                return _Span(end, expected)
            match = _boundary(self._buffer, self._at + at, self._at + limit, last=last)
            if match is None:
                if self._ahead_bytes >= limit:
                    return _Span(limit, sure=False)
                if self._all_in:
                    return self._find_cut_marker() or _Span(self._ahead_bytes, sure=False)
                at = max(at, self._ahead_bytes - (_LONGEST_BOUNDARY - 1))
                yield None
                continue
            at = match.start() - self._at
            if match[0] in {b"ID3", b"TAG", b"APETAGEX"}:
                if crc16(self._peek(at)) == 0:  # three letters alone are a weak sign
                    return _Span(at)
            elif match[0].startswith(_MARKER):
                return _Span(at)
            else:
                yield from self._wait(at + MAX_HEADER_BYTES)
                following = flac_frame_header(self._buffer, self._at + at, info)
                if following is not None and following.continues(header):
                    return _Span(at, following)
            at += 1

    def _find_header(self, expected: FlacFrameHeader | None, at: int, limit: int) -> int | None:
        """Where that very header is, unless another stream may have begun before it.

        Three times as fast as to look at all that may be a header.
        """
        if expected is None:
            return None
        start, raw = self._at + at, expected.raw
        found = self._buffer.find(raw, start, self._at + limit)
        if found < 0 or self._buffer.find(_MARKER, start, found) >= 0:
            return None
        return found - self._at

    def _find_cut_marker(self) -> _Span | None:
        """A frame up to the end of the bytes, less what they have of another stream's marker."""
        for there in range(_LONGEST_BOUNDARY - 1, 0, -1):
            size_bytes = self._ahead_bytes - there
            begun = tuple(marker[:there] for marker in _NEXT_MARKERS)
            if self._buffer.endswith(begun) and crc16(self._peek(size_bytes)) == 0:
                return _Span(size_bytes)
        return None

    def _decode(
        self, codec: LibavPacketDecoder, packet: bytes, info: StreamInfo, *, sure: bool
    ) -> list[Pcm]:
        """At least one block.

        libav passes over bytes behind a whole frame. What it refuses at the end
        of the bytes was cut, unless it decodes with its CRC left unchecked.
        """
        blocks: list[Pcm] = []
        refusal = CorruptStream("a FLAC frame holds no sound")
        try:
            blocks = codec.decode(packet)
        except CorruptStream as fault:
            refusal = fault
        if not blocks:
            if sure or not self._all_in or _decodes_unchecked(packet, info):
                raise refusal
            raise TruncatedStream("the FLAC stream ends inside a frame")
        return blocks


def _boundary(buffer: bytearray, start: int, end: int, *, last: bool) -> re.Match[bytes] | None:
    """The first match of what may follow a frame; behind the ``last`` one also a tag.

    Pattern by pattern: each begins with one byte, which is searched for several
    times as fast as the first of many.
    """
    found: re.Match[bytes] | None = None
    for pattern in (_SYNC, _NEXT_STREAM, _TAG) if last else (_SYNC, _NEXT_STREAM):
        match = pattern.search(buffer, start, end)
        if match is not None:
            found, end = match, match.start()  # no two of these can overlap
    return found


def _new_codec(info: StreamInfo, err_detect: str = "crccheck+explode") -> LibavPacketDecoder:
    return LibavPacketDecoder("flac", extradata=info.raw, options={"err_detect": err_detect})


def _decodes_unchecked(packet: bytes, info: StreamInfo) -> bool:
    try:
        return bool(_new_codec(info, err_detect="0").decode(packet))
    except CorruptStream:
        return False
