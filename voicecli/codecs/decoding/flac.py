"""FLAC to samples, bit for bit.

libav's parser holds back about ten frames. Here a frame goes to libav as soon as the
header of the next one shows where it ends (`voicecli.codecs.decoding.flacheader`), and
libav checks its CRC-16. Only the last frame of a stream has no successor: a new
``fLaC``, a tag or the end of the bytes ends it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from voicecli.audio.tags import MAX_TAG_HEADER_BYTES, tag_bytes
from voicecli.codecs.decoding.flacheader import (
    MAX_HEADER_BYTES,
    STREAMINFO_BYTES,
    FlacFrameHeader,
    StreamInfo,
    crc16,
    flac_frame_header,
)
from voicecli.codecs.decoding.framing import audio_at
from voicecli.codecs.decoding.libav import LibavPacketDecoder
from voicecli.codecs.decoding.reader import ReadingDecoder
from voicecli.errors import CorruptStream, TruncatedStream

if TYPE_CHECKING:
    from voicecli.audio.pcm import Pcm
    from voicecli.codecs.decoding.reader import Reading

_MARKER = b"fLaC"
_BLOCK_HEADER_BYTES = 4
_SYNC = re.compile(rb"\xff[\xf8\xf9]")  # of a frame header
_NEXT_STREAM = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # and the header of its STREAMINFO
_NEXT_STREAMS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # the same, spelt out
_TAG = re.compile(rb"ID3|TAG|APETAGEX")
_OTHER = re.compile(_TAG.pattern + rb"|OggS|RIFF|\xff[\xe0-\xff]")
_LONGEST_BOUNDARY = 8


class _Span(NamedTuple):
    """The bytes of a frame, from the read position on.

    ``following`` is the next frame's header. ``sure`` is False if no end was found
    within the bytes, or within the longest possible frame.
    """

    size_bytes: int
    following: FlacFrameHeader | None = None
    sure: bool = True


class FlacDecoder(ReadingDecoder):
    """FLAC to int16, or to float32 if it has more than 16 bits; a `Decoder`.

    Samples of less than 16 bits are left-aligned in int16; up to 24 bits are exact in
    float32. Metadata is skipped. Rate and channels may change from frame to frame, and
    the stream may begin with any frame instead of its marker. A damaged or missing
    frame ends the stream: lossless audio is not concealed. The total in STREAMINFO is
    trusted unless it is 0, as streaming encoders write it; a stream of metadata only is
    empty, or truncated if its total says so.
    """

    def __init__(self) -> None:
        super().__init__("FLAC")
        self._crc = self._crc_bytes = 0  # of the frame whose end is being searched for

    def _read(self) -> Reading[None]:
        """Read all streams laid end to end; report a short one at the very end."""
        short: TruncatedStream | None = None
        found = False
        while (info := (yield from self._find_stream(is_first=not found))) is not None:
            found = True
            position = yield from self._read_frames(info)
            if position < (info.total_frames or 0):
                short = TruncatedStream(
                    f"the FLAC stream announced {info.total_frames} frames and has {position}"
                )
        if short is not None:
            raise short
        if not found:
            raise CorruptStream("the stream contains no FLAC audio")

    def _find_stream(self, *, is_first: bool) -> Reading[StreamInfo | None]:
        """Skip tags, read ``fLaC`` and metadata; return None if the bytes end before.

        A stream may also begin with a frame, whose header then says what STREAMINFO would.
        """
        while True:
            head = self._peek(MAX_TAG_HEADER_BYTES)
            if head.startswith(_MARKER):
                self._at += len(_MARKER)
                return (yield from self._read_metadata())
            tag = tag_bytes(head)
            if tag:
                yield from self._skip(tag)
            elif tag == 0 and _SYNC.match(head):
                yield from self._wait(MAX_HEADER_BYTES)
                info = StreamInfo.of_frame(self._peek(MAX_HEADER_BYTES))
                if info is None:
                    raise (yield from self._explain_other(is_first=is_first))
                return info
            elif tag == 0 and not (_MARKER.startswith(head) or head == b"\xff"):
                raise (yield from self._explain_other(is_first=is_first))
            elif not self._all_in:
                yield None
            elif head:
                raise TruncatedStream("the FLAC stream ends inside its marker")
            else:
                return None

    def _explain_other(self, *, is_first: bool) -> Reading[CorruptStream]:
        """Return the fault of what is here instead of a stream."""
        while True:
            codec, is_open = audio_at(self._buffer, self._at)
            if is_first or self._all_in or not is_open:
                break
            yield None
        if is_first or codec is None:
            return CorruptStream("there is no FLAC where a FLAC stream should begin")
        return CorruptStream(f"{codec} audio follows the FLAC audio, and is not played")

    def _read_metadata(self) -> Reading[StreamInfo]:
        """Read STREAMINFO and skip all other metadata blocks (§8)."""
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
                raise CorruptStream("the FLAC stream does not begin with a STREAMINFO block")
            yield from self._need(STREAMINFO_BYTES)
            info = StreamInfo.parse(self._take(STREAMINFO_BYTES))
        assert info is not None, "the first block sets it"
        return info

    def _read_frames(self, info: StreamInfo) -> Reading[int]:
        """Read the audio of one stream; return the number of PCM frames in it."""
        codec = _new_codec(info)
        position = 0
        header = yield from self._read_first_header(info)
        while header is not None:
            span = yield from self._find_end(header, info)
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

    def _read_first_header(self, info: StreamInfo) -> Reading[FlacFrameHeader | None]:
        """Read the header after the metadata; return None if the stream is empty."""
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

    def _find_end(self, header: FlacFrameHeader, info: StreamInfo) -> Reading[_Span]:
        """Find where the frame at the read position ends."""
        limit = header.max_bytes
        at = header.header_bytes
        self._crc = self._crc_bytes = 0
        while True:
            match = _find_boundary(self._buffer, self._at + at, self._at + limit)
            if match is None:
                if self._all_in or self._ahead_bytes >= limit:
                    return self._find_last_end(limit)
                at = max(at, self._ahead_bytes - (_LONGEST_BOUNDARY - 1))
                yield None
                continue
            at = match.start() - self._at
            if match.re is _NEXT_STREAM:
                return _Span(at)
            yield from self._wait(at + MAX_HEADER_BYTES)
            following = flac_frame_header(self._buffer, self._at + at, info)
            if (
                following is not None
                and following.continues(header)
                and (following.is_like(header) or self._is_frame(at))
            ):
                return _Span(at, following)
            at += 1

    def _is_frame(self, size_bytes: int) -> bool:
        """Tell whether so many bytes have the right checksum; reads none of them twice."""
        start, end = self._at + self._crc_bytes, self._at + size_bytes
        self._crc = crc16(self._buffer[start:end], self._crc)
        self._crc_bytes = size_bytes
        return not self._crc

    def _find_last_end(self, limit_bytes: int) -> _Span:
        """Find the end of a frame that no other follows.

        It is a tag, audio in another format, or a marker cut by the end.
        """
        self._crc = self._crc_bytes = 0
        within = self._peek(limit_bytes)
        for match in _OTHER.finditer(within):
            size_bytes = match.start()
            # Three letters alone are a weak sign.
            is_end = _TAG.match(match[0]) and self._is_frame(size_bytes)
            if is_end or audio_at(within, size_bytes)[0] not in {None, "flac"}:
                return _Span(size_bytes)
        for marker_bytes in range(_LONGEST_BOUNDARY - 1, 0, -1):
            size_bytes = self._ahead_bytes - marker_bytes
            begun = tuple(marker[:marker_bytes] for marker in _NEXT_STREAMS)
            if self._all_in and self._buffer.endswith(begun) and crc16(self._peek(size_bytes)) == 0:
                return _Span(size_bytes)
        return _Span(min(self._ahead_bytes, limit_bytes), sure=False)

    def _decode(
        self, codec: LibavPacketDecoder, packet: bytes, info: StreamInfo, *, sure: bool
    ) -> list[Pcm]:
        """Decode a packet to at least one block.

        libav ignores bytes after a whole frame. A frame it rejects at the end of the
        bytes was cut, unless it decodes when its CRC is not checked.
        """
        fault = CorruptStream("a FLAC frame contains no audio")
        try:
            if blocks := codec.decode(packet):
                return blocks
        except CorruptStream as rejection:
            fault = rejection
        if sure or not self._all_in or _decodes_unchecked(packet, info):
            raise fault
        raise TruncatedStream("the FLAC stream ends inside a frame")


def _find_boundary(buffer: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Find the first thing that may follow a frame, other than a tag.

    One pattern at a time: a single pattern with alternatives takes six times as long.
    """
    sync = _SYNC.search(buffer, start, end)
    return _NEXT_STREAM.search(buffer, start, sync.start() if sync else end) or sync


def _new_codec(info: StreamInfo, err_detect: str = "crccheck+explode") -> LibavPacketDecoder:
    return LibavPacketDecoder("flac", extradata=info.raw, options={"err_detect": err_detect})


def _decodes_unchecked(packet: bytes, info: StreamInfo) -> bool:
    try:
        return bool(_new_codec(info, err_detect="0").decode(packet))
    except CorruptStream:
        return False
