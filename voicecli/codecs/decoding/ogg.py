"""Ogg pages from a byte stream, and packets from the pages (RFC 3533).

`voicecli.codecs.decoding.oggpage` draws the layout of a page. Its checksum can be
verified only when its last byte has arrived. Muxers make pages of a second (FFmpeg)
or 4 kB (libogg) by default, and a player that waits for each turns a steady stream
into bursts of a second. So pages of many packets are *eager*: in an unbroken stream
their packets are emitted as they complete, and a bad checksum found afterwards costs
only the damaged packets rather than muting the second. Short pages are emitted whole,
after the checksum.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from voicecli.codecs.decoding.oggpage import (
    CAPTURE,
    FIRST,
    HEADER,
    LAST,
    PageHeader,
    header_bytes,
    read_header,
)
from voicecli.codecs.decoding.oggstream import LogicalStream
from voicecli.errors import UnsupportedFormat

_EAGER_ABOVE_PACKETS = 10
"""Pages of more packets than this are eager; 10 Opus packets are 200 ms."""

_MAX_STREAMS = 32
"""Logical streams remembered at once, against streams of nothing but first pages."""

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


@dataclass(slots=True)
class Page:
    """What one page contained, or an early part of it.

    ``granule`` is the page's position in units of the codec, None if no packet ends on
    it or its checksum failed. ``lost`` counts pages (at least 1 if anything is known to
    be missing) between the packet emitted before and the first of these. ``complete``
    is False on every part but a page's last.
    """

    serial: int
    granule: int | None
    first: bool
    last: bool
    lost: int
    packets: list[bytes]
    complete: bool


class OggDemuxer:
    """Push demultiplexer: bytes split anywhere in, pages with whole packets out.

    Pages of every logical stream come out in the order of the bytes; streams whose
    first page was not seen are left out. Damage raises nothing: after a bad checksum
    the search for a page resumes after its capture pattern, so a page swallowed by a
    damaged length is found again, and the next page of the stream states how many are
    ``lost``. Holds at most one page (65,307 bytes) besides the chunk fed, and one
    incomplete packet of each stream.
    """

    def __init__(self) -> None:
        self.orphaned_pages = 0
        """Whole pages of a stream whose first page was missing, after another stream's."""
        self._buffer = bytearray()
        self._page: PageHeader | None = None  # at the front of the buffer
        self._eager = False  # that page: its packets are emitted early
        self._emitted = 0  # packets of it
        self._needed = 0  # no progress is possible before the buffer holds this many bytes
        self._in_sync = False  # the buffer begins where a good page ended
        self._streams: dict[int, LogicalStream] = {}

    def feed(self, data: bytes) -> list[Page]:
        """Take bytes of any length; return the pages (or parts) that they completed."""
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        return self._advance()

    @property
    def holds_start_of_new_stream(self) -> bool:
        """Whether the buffer holds the beginning of a page of a stream not seen before.

        Less than a capture pattern counts only where the next page is due.
        """
        if not self._buffer.startswith(CAPTURE):
            return self._in_sync and len(self._buffer) > 0 and CAPTURE.startswith(self._buffer)
        return self._page is None or self._page.serial not in self._streams

    def flush(self) -> list[Page]:
        """End the bytes; return what the unfinished last page holds.

        Its whole packets are used although no checksum covers them, and pages that a
        wrong length had swallowed are searched for once more.
        """
        pages: list[Page] = []
        while len(self._buffer) > len(CAPTURE):
            page = self._page
            if page and self._in_order(page) and (whole := self._whole_packets(page)):
                pages.append(self._emit(page, whole, verified=False))
            self._drop_page()
            pages += self._advance()
        return pages

    def _advance(self) -> list[Page]:
        pages: list[Page] = []
        while True:
            page = self._page or self._open_next()
            if page is None:
                return pages
            if len(self._buffer) >= page.size:
                pages += self._close(page)
                continue
            self._needed = page.size
            if self._eager:
                whole = self._whole_packets(page)
                if whole > self._emitted:
                    pages.append(self._emit(page, whole))
                if whole < len(page.ends):
                    self._needed = max(page.ends[whole], len(self._buffer) + 1)
            return pages

    def _open_next(self) -> PageHeader | None:
        """Find the next page and parse its header; None until enough has arrived."""
        buffer = self._buffer
        while True:
            at = buffer.find(CAPTURE)
            if at < 0:
                self._skip(max(0, len(buffer) - len(CAPTURE) + 1))
                self._needed = 0
                return None
            self._skip(at)
            if len(buffer) < (needed := header_bytes(buffer)):
                self._needed = needed
                return None
            page = read_header(buffer)
            if page is not None:
                break
            self._skip(len(CAPTURE))
        self._page = page
        self._emitted = 0
        self._eager = len(page.ends) > _EAGER_ABOVE_PACKETS and self._in_order(page)
        return page

    def _in_order(self, page: PageHeader) -> bool:
        """Tell whether this is the next page of its stream, with nothing missing."""
        stream = self._streams.get(page.serial)
        if stream is None or page.flags & FIRST:
            return False
        return self._emitted > 0 or stream.expects(page)

    def _whole_packets(self, page: PageHeader) -> int:
        """Count the packets of an unfinished page that may be emitted.

        Not those from a capture pattern on: the bytes there are more likely the next
        page, and some of this one are missing. The same goes for a pattern among the
        lacing values.
        """
        fence = self._buffer.find(CAPTURE, HEADER.size)
        limit = len(self._buffer) if fence < 0 else fence + len(CAPTURE) - 1
        return bisect_right(page.ends, limit)

    def _close(self, page: PageHeader) -> list[Page]:
        """Process the page at the front of the buffer, which is complete."""
        buffer = self._buffer
        pages: list[Page] = []
        if page.matches_checksum(buffer[: page.size]):
            if page.flags & FIRST:
                self._begin_stream(page)
            if page.serial in self._streams:
                pages.append(self._emit(page, len(page.ends), verified=True))
                if page.tail_at < page.size:
                    tail = bytes(buffer[page.tail_at : page.size])
                    self._streams[page.serial].hold_tail(page, tail)
            elif self._streams:
                self.orphaned_pages += 1
            del buffer[: page.size]
            self._in_sync = True
            self._page = None
            self._needed = 0
            return pages
        if self._eager and (whole := self._whole_packets(page)):
            # As though it had arrived in pieces, so that no split makes a difference.
            if whole > self._emitted:
                pages.append(self._emit(page, whole))
            pages.append(self._emit(page, whole, verified=False))
        self._drop_page()
        return pages

    def _begin_stream(self, page: PageHeader) -> None:
        """Start (or restart) the logical stream that this first page opens."""
        self._streams.pop(page.serial, None)
        while len(self._streams) >= _MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[page.serial] = LogicalStream(page.sequence)

    def _emit(self, page: PageHeader, upto: int, *, verified: bool | None = None) -> Page:
        """Make a `Page` of the packets not emitted so far, up to number ``upto``.

        ``verified`` is the outcome of the checksum, None before it is known. The
        position and end of a page known to be damaged are ignored.
        """
        stream = self._streams[page.serial]
        start = page.ends[self._emitted - 1] if self._emitted else page.body_at
        packets = []
        for end in page.ends[self._emitted : upto]:
            packets.append(bytes(self._buffer[start:end]))
            start = end
        if not self._emitted:
            stream.begin_page(page, packets)
        self._emitted = upto
        damaged = verified is False
        emitted = Page(
            serial=page.serial,
            granule=None if damaged or page.granule == -1 else page.granule,
            first=bool(page.flags & FIRST),
            last=bool(page.flags & LAST) and not damaged,
            lost=stream.lost,
            packets=packets,
            complete=verified is not None,
        )
        stream.lost = 0
        if damaged:
            stream.mark_damaged(packets_missing=upto < len(page.ends))
        return emitted

    def _drop_page(self) -> None:
        """Give up the page at the front; resume the search after its capture pattern."""
        self._page = None
        self._needed = 0
        self._skip(len(CAPTURE))

    def _skip(self, size_bytes: int) -> None:
        """Drop bytes at the front that are not part of a page."""
        if size_bytes:
            del self._buffer[:size_bytes]
            self._in_sync = False
