"""Ogg pages out of a byte stream, and packets out of the pages (RFC 3533).

A page is the unit that is numbered, checksummed and found again after damage::

    0  "OggS"        capture pattern
    4  version       0
    5  flags         1 continues a packet, 2 first page of its stream, 4 last
    6  granule       int64: position after the last packet that ends here, −1 if none does
    14 serial        which of the multiplexed or chained logical streams
    18 sequence      page number within that stream
    22 CRC-32        over the whole page with this field zero
    26 segments      n, then n lacing values, then the body

A packet is a run of lacing values that a value below 255 ends; a page whose last
value is 255 leaves its packet to be continued on the next page of that serial.

A page's checksum can be known only when its last byte has come. Muxers left to
their defaults make pages of a second (FFmpeg) or 4 kB (libogg), and a player that
waits for each turns a steady stream into lumps of a second. So pages of many
packets are *eager*: in an unbroken stream their packets are handed out as they
complete, and a bad checksum found afterwards spoils the packets it spoils rather
than muting the second. Short pages are handed out whole, checksum first.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field

_CAPTURE = b"OggS"
_HEADER = struct.Struct("<4xBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4

_EAGER_ABOVE_PACKETS = 10
"""Pages of more packets than this are not waited for; 10 Opus packets are 200 ms."""

_MAX_PACKET_BYTES = 1 << 16
"""Longer packets are cut: audio packets are far shorter, comment headers need no reading."""

_MAX_STREAMS = 32
"""Logical streams remembered at once; a stream of nothing but first pages holds no more."""

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def page_checksum(page: bytes | bytearray) -> int:
    """CRC-32 of a page whose checksum field is zero (RFC 3533 section 6).

    Ogg's CRC has zlib's polynomial, 0x04c11db7, with bits the other way round and
    a register that starts and ends plain. Reversing the bits of each byte, a
    table look-up in C, lets zlib do the work; both of its inversions are undone.
    """
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


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
class _Stream:
    """What has to be remembered of one logical stream between its pages."""

    next_sequence: int
    partial: bytes | None = None  # the packet that the next page continues
    lost: int = 0  # pages known to be missing and not yet told


@dataclass(slots=True)
class _OpenPage:
    """The page at the front of the buffer, its header read."""

    flags: int
    granule: int
    serial: int
    sequence: int
    checksum: int
    body_at: int
    size: int
    ends: list[int]  # where packets end, in bytes from the start of the page
    eager: bool
    given: int = 0  # packets handed out already


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
    _open: _OpenPage | None = None
    _needed: int = 0  # no progress is possible before the buffer holds this many bytes
    _streams: dict[int, _Stream] = field(default_factory=dict)

    def feed(self, data: bytes) -> list[Page]:
        """Take bytes of any length, return the pages (or parts) that they completed."""
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        return self._advance()

    @property
    def holds_strange_page(self) -> bool:
        """Whether there is the beginning of a page, of a stream that was not seen to begin yet."""
        if not self._buffer.startswith(_CAPTURE):
            return False
        return self._open is None or self._open.serial not in self._streams

    def flush(self) -> list[Page]:
        """Say that no more bytes will come; return what the unfinished last page holds.

        Its whole packets are worth having though nothing vouches for them; and
        pages that a wrong length had swallowed are looked for once more.
        """
        pages: list[Page] = []
        while len(self._buffer) > len(_CAPTURE):
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
            if page.eager:
                whole = self._whole_packets(page)
                if whole > page.given:
                    self._give(page, whole, pages)
                if whole < len(page.ends):
                    self._needed = max(page.ends[whole], len(self._buffer) + 1)
            return pages

    def _open_next(self) -> _OpenPage | None:
        """Find the next page and read its header; None until enough of it is there."""
        buffer = self._buffer
        while True:
            at = buffer.find(_CAPTURE)
            if at < 0:
                del buffer[: max(0, len(buffer) - len(_CAPTURE) + 1)]
                self._needed = 0
                return None
            del buffer[:at]
            body_at = 27 + buffer[26] if len(buffer) > 26 else 27  # noqa: PLR2004  see the layout
            if len(buffer) < body_at:
                self._needed = body_at
                return None
            version, flags, granule, serial, sequence, checksum, _ = _HEADER.unpack_from(buffer)
            if version == 0:
                break
            del buffer[: len(_CAPTURE)]
        end = body_at
        ends: list[int] = []
        for lacing in buffer[27:body_at]:
            end += lacing
            if lacing != 255:  # noqa: PLR2004  see the layout
                ends.append(end)
        page = _OpenPage(
            flags, granule, serial, sequence, checksum, body_at, end, ends, eager=False
        )
        page.eager = len(ends) > _EAGER_ABOVE_PACKETS and self._in_order(page)
        self._open = page
        return page

    def _in_order(self, page: _OpenPage) -> bool:
        """Whether this is the page that its stream was waiting for, with nothing missing."""
        stream = self._streams.get(page.serial)
        if stream is None or page.flags & _FIRST:
            return False
        return page.given > 0 or (stream.next_sequence == page.sequence and not stream.lost)

    def _whole_packets(self, page: _OpenPage) -> int:
        """How many packets of an unfinished page are there and may be handed out.

        None that holds a capture pattern, nor any after it: there the bytes
        are more likely the next page, and some of this one are missing. A pattern
        among the lacing values means as much: there are fewer than was claimed.
        """
        fence = self._buffer.find(_CAPTURE, _HEADER.size)
        limit = len(self._buffer) if fence < 0 else fence + len(_CAPTURE) - 1
        return bisect_right(page.ends, limit)

    def _close(self, page: _OpenPage, pages: list[Page]) -> None:
        """Deal with the page at the front of the buffer, all of whose bytes are there."""
        buffer = self._buffer
        raw = buffer[: page.size]
        raw[22:26] = b"\0\0\0\0"
        if page_checksum(raw) == page.checksum:
            if page.flags & _FIRST:
                self._begin(page)
            if page.serial in self._streams:
                self._give(page, len(page.ends), pages, vouched=True)
                self._keep_partial(page)
            elif self._streams:
                self.orphaned_pages += 1
            del buffer[: page.size]
            self._open = None
            self._needed = 0
            return
        if page.eager and (whole := self._whole_packets(page)):
            # As though it had come in pieces, so that no cut makes a difference.
            if whole > page.given:
                self._give(page, whole, pages)
            self._give(page, whole, pages, vouched=False)
        self._abandon()

    def _begin(self, page: _OpenPage) -> None:
        """Start (or start over) the logical stream that this first page opens."""
        self._streams.pop(page.serial, None)
        while len(self._streams) >= _MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        self._streams[page.serial] = _Stream(page.sequence)

    def _give(
        self, page: _OpenPage, upto: int, pages: list[Page], *, vouched: bool | None = None
    ) -> None:
        """Append a `Page` with the packets not handed out so far, up to number ``upto``.

        ``vouched`` says whether the checksum was right; None while it is not known.
        A page known to be bad loses its say about the position and the end.
        """
        stream = self._streams[page.serial]
        start = page.ends[page.given - 1] if page.given else page.body_at
        packets = []
        for end in page.ends[page.given : upto]:
            packets.append(bytes(self._buffer[start:end]))
            start = end
        if not page.given:
            self._join(page, stream, packets)
        page.given = upto
        bad = vouched is False
        pages.append(
            Page(
                serial=page.serial,
                granule=None if bad or page.granule == -1 else page.granule,
                first=bool(page.flags & _FIRST),
                last=bool(page.flags & _LAST) and not bad,
                lost=stream.lost,
                packets=packets,
                complete=vouched is not None,
            )
        )
        stream.lost = 0
        if bad:
            stream.partial = None
            stream.lost = int(upto < len(page.ends))

    @staticmethod
    def _join(page: _OpenPage, stream: _Stream, packets: list[bytes]) -> None:
        """Count what is missing before this page, and complete the packet it continues."""
        missing = (page.sequence - stream.next_sequence) & 0xFFFFFFFF
        if missing < 1 << 31:  # otherwise the numbers went back: nothing is known to be missing
            stream.lost += missing
        stream.next_sequence = (page.sequence + 1) & 0xFFFFFFFF
        partial, continued = stream.partial, bool(page.flags & _CONTINUED)
        if missing or not continued:
            stream.partial = None
        if packets and continued:
            if missing or partial is None:
                del packets[0]  # its beginning is gone
            else:
                packets[0] = (partial + packets[0])[:_MAX_PACKET_BYTES]
                stream.partial = None

    def _keep_partial(self, page: _OpenPage) -> None:
        """Remember the bytes after the last packet that ends here: the next page goes on."""
        stream = self._streams[page.serial]
        tail_at = page.ends[-1] if page.ends else page.body_at
        if tail_at == page.size:
            return
        tail = bytes(self._buffer[tail_at : page.size])
        if page.ends or not page.flags & _CONTINUED:
            stream.partial = tail
        elif stream.partial is not None:
            stream.partial = (stream.partial + tail)[:_MAX_PACKET_BYTES]

    def _abandon(self) -> None:
        """Give up the page at the front; the search goes on behind its capture pattern."""
        self.damaged_pages += self._open is not None
        self._open = None
        self._needed = 0
        del self._buffer[: len(_CAPTURE)]
