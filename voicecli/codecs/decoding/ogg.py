"""Ogg pages out of a byte stream, and packets out of the pages (RFC 3533).

The layout of a page is drawn in `voicecli.codecs.decoding.oggpage`. Its checksum can be
known only when its last byte has come. Muxers left to their defaults make pages
of a second (FFmpeg) or 4 kB (libogg), and a player that waits for each turns a
steady stream into lumps of a second. So pages of many packets are *eager*: in an
unbroken stream their packets are handed out as they complete, and a bad checksum
found afterwards spoils the packets it spoils rather than muting the second. Short
pages are handed out whole, checksum first.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

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

_EAGER_ABOVE_PACKETS = 10
"""Pages of more packets than this are not waited for; 10 Opus packets are 200 ms."""

_MAX_STREAMS = 32
"""Logical streams remembered at once; a stream of nothing but first pages holds no more."""

_MAGICS = (
    (b"OpusHead", "Opus"),
    (b"\x01vorbis", "Vorbis"),
    (b"\x7fFLAC", "FLAC"),
    (b"Speex   ", "Speex"),
    (b"\x80theora", "Theora"),
    (b"fishead\x00", "Skeleton"),
    (b"CELT    ", "CELT"),
)


def codec_of(first_packet: bytes) -> str | None:
    """Name of the codec that the first packet of a logical stream announces, None if unknown."""
    return next((name for magic, name in _MAGICS if first_packet.startswith(magic)), None)


@dataclass(slots=True)
class Page:
    """What one page brought, or a part of it that could be had early.

    ``granule`` is the page's claim in units of the codec, None where no packet
    ends on it or where its checksum failed. ``lost`` counts pages (at least 1
    when anything is known to be missing) between the packet handed out before
    and the first of these. ``complete`` is False on every part but a page's last.
    """

    serial: int
    granule: int | None
    first: bool
    last: bool
    lost: int
    packets: list[bytes]
    complete: bool


@dataclass(slots=True)
class OggDemuxer:
    """Push demultiplexer: bytes cut anywhere in, pages with whole packets out.

    Pages of every logical stream come out in the order of the bytes; streams
    whose first page was not seen are left out. Damage raises nothing: after a
    bad checksum the search for a page goes on one capture pattern later, so a
    page swallowed by a damaged length is found again, and the next page of the
    stream says how many are ``lost``. Holds at most one page (65,307 bytes)
    besides the chunk fed, and one cut packet of each stream.
    """

    damaged_pages: int = 0
    orphaned_pages: int = 0
    """Whole pages, behind those of a stream that was seen to begin, of one that was not."""
    _buffer: bytearray = field(default_factory=bytearray)
    _open: PageHeader | None = None  # at the front of the buffer
    _eager: bool = False  # that page: its packets are not waited for
    _given: int = 0  # its packets handed out already
    _needed: int = 0  # no progress is possible before the buffer holds this many bytes
    _in_step: bool = False  # the buffer begins where a good page ended
    _streams: dict[int, LogicalStream] = field(default_factory=dict)

    def feed(self, data: bytes) -> list[Page]:
        """Take bytes of any length, return the pages (or parts) that they completed."""
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        return self._advance()

    @property
    def holds_strange_page(self) -> bool:
        """Whether there is the beginning of a page, of a stream that was not seen to begin yet.

        Less than a capture pattern is the beginning of one only where the next page would be.
        """
        if not self._buffer.startswith(CAPTURE):
            return self._in_step and len(self._buffer) > 0 and CAPTURE.startswith(self._buffer)
        return self._open is None or self._open.serial not in self._streams

    def flush(self) -> list[Page]:
        """Say that no more bytes will come; return what the unfinished last page holds.

        Its whole packets are worth having though nothing vouches for them; and
        pages that a wrong length had swallowed are looked for once more.
        """
        pages: list[Page] = []
        while len(self._buffer) > len(CAPTURE):
            page = self._open
            if page and self._in_order(page) and (whole := self._whole_packets(page)):
                self._give(page, whole, pages, vouched=False)
            self._abandon()
            pages += self._advance()
        return pages

    def _advance(self) -> list[Page]:
        pages: list[Page] = []
        while True:
            page = self._open or self._open_next()
            if page is None:
                return pages
            if len(self._buffer) >= page.size:
                self._close(page, pages)
                continue
            self._needed = page.size
            if self._eager:
                whole = self._whole_packets(page)
                if whole > self._given:
                    self._give(page, whole, pages)
                if whole < len(page.ends):
                    self._needed = max(page.ends[whole], len(self._buffer) + 1)
            return pages

    def _open_next(self) -> PageHeader | None:
        """Find the next page and read its header; None until enough of it is there."""
        buffer = self._buffer
        while True:
            at = buffer.find(CAPTURE)
            if at < 0:
                self._pass_over(max(0, len(buffer) - len(CAPTURE) + 1))
                self._needed = 0
                return None
            self._pass_over(at)
            if len(buffer) < (needed := header_bytes(buffer)):
                self._needed = needed
                return None
            page = read_header(buffer)
            if page is not None:
                break
            self._pass_over(len(CAPTURE))
        self._open = page
        self._given = 0
        self._eager = len(page.ends) > _EAGER_ABOVE_PACKETS and self._in_order(page)
        return page

    def _in_order(self, page: PageHeader) -> bool:
        """Whether this is the page that its stream was waiting for, with nothing missing."""
        stream = self._streams.get(page.serial)
        if stream is None or page.flags & FIRST:
            return False
        return self._given > 0 or stream.expects(page)

    def _whole_packets(self, page: PageHeader) -> int:
        """How many packets of an unfinished page are there and may be handed out.

        None that holds a capture pattern, nor any after it: there the bytes
        are more likely the next page, and some of this one are missing. A pattern
        among the lacing values means as much: there are fewer than was claimed.
        """
        fence = self._buffer.find(CAPTURE, HEADER.size)
        limit = len(self._buffer) if fence < 0 else fence + len(CAPTURE) - 1
        return bisect_right(page.ends, limit)

    def _close(self, page: PageHeader, pages: list[Page]) -> None:
        """Deal with the page at the front of the buffer, all of whose bytes are there."""
        buffer = self._buffer
        if page.vouches_for(buffer[: page.size]):
            if page.flags & FIRST:
                self._begin(page)
            if page.serial in self._streams:
                self._give(page, len(page.ends), pages, vouched=True)
                if page.tail_at < page.size:
                    self._streams[page.serial].keep(page, bytes(buffer[page.tail_at : page.size]))
            elif self._streams:
                self.orphaned_pages += 1
            del buffer[: page.size]
            self._in_step = True
            self._open = None
            self._needed = 0
            return
        if self._eager and (whole := self._whole_packets(page)):
            # As though it had come in pieces, so that no cut makes a difference.
            if whole > self._given:
                self._give(page, whole, pages)
            self._give(page, whole, pages, vouched=False)
        self._abandon()

    def _begin(self, page: PageHeader) -> None:
        """Start (or start over) the logical stream that this first page opens."""
        self._streams.pop(page.serial, None)
        while len(self._streams) >= _MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[page.serial] = LogicalStream(page.sequence)

    def _give(
        self, page: PageHeader, upto: int, pages: list[Page], *, vouched: bool | None = None
    ) -> None:
        """Append a `Page` with the packets not handed out so far, up to number ``upto``.

        ``vouched`` says whether the checksum was right; None while it is not known.
        A page known to be bad loses its say about the position and the end.
        """
        stream = self._streams[page.serial]
        start = page.ends[self._given - 1] if self._given else page.body_at
        packets = []
        for end in page.ends[self._given : upto]:
            packets.append(bytes(self._buffer[start:end]))
            start = end
        if not self._given:
            stream.join(page, packets)
        self._given = upto
        bad = vouched is False
        pages.append(
            Page(
                serial=page.serial,
                granule=None if bad or page.granule == -1 else page.granule,
                first=bool(page.flags & FIRST),
                last=bool(page.flags & LAST) and not bad,
                lost=stream.lost,
                packets=packets,
                complete=vouched is not None,
            )
        )
        stream.lost = 0
        if bad:
            stream.spoil(is_short=upto < len(page.ends))

    def _abandon(self) -> None:
        """Give up the page at the front; the search goes on behind its capture pattern."""
        self.damaged_pages += self._open is not None
        self._open = None
        self._needed = 0
        self._pass_over(len(CAPTURE))

    def _pass_over(self, size_bytes: int) -> None:
        """Drop bytes at the front that are no page."""
        if size_bytes:
            del self._buffer[:size_bytes]
            self._in_step = False
