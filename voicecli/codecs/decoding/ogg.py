"""Ogg pages from a byte stream, and packets from the pages (RFC 3533).

`voicecli.codecs.decoding.oggpage` draws the layout of a page. A page is used once its
checksum, which covers all of it, is known to be right: with a wrong length of one packet
every later one would be noise. Only a last page that is cut off has none.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.audio.tags import padding_bytes
from voicecli.codecs.decoding.framing import audio_at
from voicecli.codecs.decoding.oggpage import (
    CAPTURE,
    CONTINUED,
    FIRST,
    HEADER,
    LAST,
    PageHeader,
    header_bytes,
    read_header,
)
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_STREAMS = 32
"""Logical streams remembered at once, against streams of nothing but first pages."""

_LOOK_EVERY_BYTES = 1 << 10

_MAX_PACKET_BYTES = 1 << 16
"""Longer packets are cut: audio packets are far shorter, comment headers are not read."""

_HALF_OF_ALL_SEQUENCES = 1 << 31
_SEQUENCE_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class Page:
    """What one page contained.

    ``granule`` is the page's position in units of the codec, None if no packet ends on
    it. ``lost`` counts pages missing between the packet emitted before and the first of
    these. ``checked`` is False if the end cut the page: its packets may be damaged.
    """

    serial: int
    granule: int | None
    first: bool
    last: bool
    lost: int
    packets: list[bytes]
    checked: bool = True


@dataclass(slots=True)
class LogicalStream:
    """What is remembered of a logical stream between its pages.

    ``lost`` counts pages known to be missing and not yet reported.
    """

    next_sequence: int
    lost: int = 0
    _partial: bytes | None = None  # the packet that the next page continues

    def expects(self, page: PageHeader) -> bool:
        """Tell whether this is the next page, with nothing missing before it."""
        return self.next_sequence == page.sequence and not self.lost

    def begin_page(self, page: PageHeader, packets: list[bytes]) -> None:
        """Count what is missing before a page; complete the packet that it continues.

        ``packets`` are the available packets that end on the page. The first is
        removed if its beginning is missing.
        """
        missing = (page.sequence - self.next_sequence) & _SEQUENCE_MASK
        if missing < _HALF_OF_ALL_SEQUENCES:  # otherwise the numbers went back: no known loss
            self.lost += missing
        self.next_sequence = (page.sequence + 1) & _SEQUENCE_MASK
        partial, continued = self._partial, bool(page.flags & CONTINUED)
        if missing or not continued:
            self._partial = None
        if packets and continued:
            if missing or partial is None:
                del packets[0]  # its beginning is missing
            else:
                packets[0] = (partial + packets[0])[:_MAX_PACKET_BYTES]
                self._partial = None

    def hold_tail(self, page: PageHeader, tail: bytes) -> None:
        """Remember the bytes after the last packet that ends on a page, to be continued."""
        if page.ends or not page.flags & CONTINUED:
            self._partial = tail
        elif self._partial is not None:
            self._partial = (self._partial + tail)[:_MAX_PACKET_BYTES]


class OggDemuxer:
    """Push demultiplexer: bytes split anywhere in, pages with whole packets out.

    Pages of every logical stream come out in the order of the bytes; streams whose
    first page was not seen are left out. Damage raises nothing: after a bad checksum
    the search for a page resumes after its capture pattern, so a page swallowed by a
    damaged length is found again, and the next page of the stream states how many are
    ``lost``. Another format where a page is due raises `CorruptStream`. Holds at most one
    page (65,307 bytes) besides the chunk fed, and one incomplete packet of each stream.
    """

    def __init__(self) -> None:
        self.orphaned_pages = 0
        """Whole pages of a stream whose first page was missing, after another stream's."""
        self._buffer = bytearray()
        self._page: PageHeader | None = None  # at the front of the buffer
        self._needed = 0  # no progress is possible before the buffer holds this many bytes
        self._in_sync = False  # the buffer begins where a good page ended, or padding behind it
        self._is_padded = False
        self._streams: dict[int, LogicalStream] = {}

    def feed(self, data: bytes) -> Iterator[Page]:
        """Take bytes of any length; yield the pages that they completed. Exhaust it."""
        self._buffer += data
        if len(self._buffer) >= self._needed:
            yield from self._advance()

    @property
    def holds_start_of_new_stream(self) -> bool:
        """Whether the buffer holds the beginning of a page of a stream not seen before.

        Less than a capture pattern counts only where the next page is due.
        """
        if not self._buffer.startswith(CAPTURE):
            is_due = self._in_sync and not self._is_padded
            return is_due and len(self._buffer) > 0 and CAPTURE.startswith(self._buffer)
        return self._page is None or self._page.serial not in self._streams

    def flush(self) -> Iterator[Page]:
        """End the bytes; yield what the unfinished last page holds.

        Pages that a wrong length had swallowed are searched for once more.
        """
        while len(self._buffer) > len(CAPTURE):
            page = self._page
            if page is not None and self._is_next(page) and not self._is_overtaken(page):
                yield self._emit(page, self._whole_packets(page), checked=False)
            self._drop_page()
            yield from self._advance()

    def _advance(self) -> Iterator[Page]:
        while True:
            page = self._page or self._open_next()
            if page is None:
                return
            if len(self._buffer) < page.size and not self._is_overtaken(page):
                # Look for the next page now and then, not with every byte.
                self._needed = min(page.size, len(self._buffer) + _LOOK_EVERY_BYTES)
                return
            yield from self._close(page)

    def _open_next(self) -> PageHeader | None:
        """Find the next page and parse its header; None until enough has arrived."""
        buffer = self._buffer
        if self._in_sync:
            padding = padding_bytes(buffer)
            del buffer[:padding]
            self._is_padded |= padding > 0
        if self._in_sync and buffer[:1] != CAPTURE[:1]:
            other, is_open = audio_at(buffer)
            if other not in {None, "opus"}:  # tags may stand before the next stream
                raise CorruptStream(f"{other} audio follows the Ogg stream, and is not played")
            if is_open:
                self._needed = 0
                return None
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
        return page

    def _is_overtaken(self, page: PageHeader) -> bool:
        """Tell whether the stream's next page begins inside this one, whose length is wrong."""
        at = self._buffer.find(CAPTURE, HEADER.size)
        if at < 0 or len(self._buffer) < at + HEADER.size:
            return False
        following = read_header(self._buffer[at : at + HEADER.size])
        next_sequence = page.sequence + 1 & _SEQUENCE_MASK
        return following is not None and (
            (following.serial, following.sequence) == (page.serial, next_sequence)
        )

    def _is_next(self, page: PageHeader) -> bool:
        """Tell whether this is the next page of its stream, with nothing missing."""
        stream = self._streams.get(page.serial)
        return stream is not None and not page.flags & FIRST and stream.expects(page)

    def _whole_packets(self, page: PageHeader) -> int:
        """Count the whole packets of a page that the end cuts.

        Not those from a capture pattern on: the bytes there are more likely the next
        page, and some of this one are missing. The same goes for a pattern among the
        lacing values.
        """
        fence = self._buffer.find(CAPTURE, HEADER.size)
        limit = len(self._buffer) if fence < 0 else fence
        return bisect_right(page.ends, limit)

    def _close(self, page: PageHeader) -> Iterator[Page]:
        """Process the page at the front of the buffer, which is complete or damaged."""
        buffer = self._buffer
        if len(buffer) < page.size or not page.matches_checksum(buffer[: page.size]):
            self._drop_page()
            return
        if page.flags & FIRST:
            self._begin_stream(page)
        if page.serial in self._streams:
            whole = self._emit(page, len(page.ends), checked=True)
            if page.tail_at < page.size:
                tail = bytes(buffer[page.tail_at : page.size])
                self._streams[page.serial].hold_tail(page, tail)
            yield whole
        elif self._streams:
            self.orphaned_pages += 1
        del buffer[: page.size]
        self._in_sync, self._is_padded = True, False
        self._page = None
        self._needed = 0

    def _begin_stream(self, page: PageHeader) -> None:
        """Start (or restart) the logical stream that this first page opens."""
        self._streams.pop(page.serial, None)
        while len(self._streams) >= _MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[page.serial] = LogicalStream(page.sequence)

    def _emit(self, page: PageHeader, count: int, *, checked: bool) -> Page:
        """Make a `Page` of its first ``count`` packets; without a checksum it has no position."""
        stream = self._streams[page.serial]
        packets = []
        start = page.body_at
        for end in page.ends[:count]:
            packets.append(bytes(self._buffer[start:end]))
            start = end
        stream.begin_page(page, packets)
        lost, stream.lost = stream.lost, 0
        return Page(
            serial=page.serial,
            granule=None if page.granule == -1 or not checked else page.granule,
            first=bool(page.flags & FIRST),
            last=bool(page.flags & LAST) and checked,
            lost=lost,
            packets=packets,
            checked=checked,
        )

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
