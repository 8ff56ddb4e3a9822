"""Ogg Opus to int16, at the rate wanted (RFC 7845; packets: RFC 6716).

Positions in Ogg Opus count at 48 kHz whatever the input was, "pre-skip" samples of
encoder delay included. A decoder asked for 24 kHz gives every second of those
instants, so lengths at any rate follow by keeping the instants that lie within
``[pre-skip, end)``.

The end is told by the granule position of the page marked as the last: it claims
fewer samples than its packets hold, and the difference is padding (section 4.4).
Only differences of granule positions are used, because the first need not be 0:
a live stream keeps those of the broadcast it was cut from (section 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.ogg import OggDemuxer, Page, codec_of
from voicecli.codecs.decoding.opusformat import TICK, OpusHead, packet_length
from voicecli.errors import CorruptStream, DecodeError, TruncatedStream, UnsupportedFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicecli.codecs.libopus import OpusPacketDecoder

_GRANULE_HZ = 48_000
_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)

_MAX_CONCEALED = 5 * _GRANULE_HZ
"""A claimed gap is filled up to this; and no more is filled than has been decoded since."""


class _Link:
    """One logical stream of the chain: its header, its position, its decoder.

    Work is queued page by page and done at once by `render`, so that a chunk
    with many packets becomes one block.
    """

    def __init__(self, serial: int, head: OpusHead, rate_hz: int) -> None:
        from voicecli.codecs.libopus import OpusPacketDecoder  # noqa: PLC0415  raises without libopus

        self.serial = serial
        self.head = head
        self.started = False
        self.ended = False
        self.refused = 0
        self.decoded = 0
        self._packets: OpusPacketDecoder = OpusPacketDecoder(rate_hz, head.channels, head.gain_q8)
        self._step = _GRANULE_HZ // rate_hz
        self._skip_frames = -(-head.pre_skip // self._step)
        self._tags_due = True
        self._granule: int | None = None  # position at the end of the last complete page
        self._page_length = 0  # of the packets that came of the page under way, at 48 kHz
        self._fillable = _MAX_CONCEALED
        # What `render` is to do: (packet or None for a gap, frames at the decoder's rate).
        self._queue: list[tuple[bytes | None, int]] = []
        self._queued = 0
        self._cut_frames = 0

    def take(self, page: Page) -> None:
        """Queue what a page, or a part of one, brought."""
        self.started = True
        packets, lost = page.packets, page.lost
        if self._tags_due and packets:
            self._tags_due = False
            if packets[0].startswith(b"OpusTags"):
                packets, lost = packets[1:], 0
        lengths = [packet_length(packet) for packet in packets]
        total = sum(lengths)
        if lost and packets and page.granule is not None:
            self._fill(page.granule - total)
        before = self._page_length
        step = self._step
        for packet, length in zip(packets, lengths, strict=True):
            if length:
                self._queue.append((packet, length // step))
            else:
                self.refused += 1
        self._page_length += total
        self._queued += total // step
        self._fillable = min(_MAX_CONCEALED, self._fillable + total)
        if page.last and page.granule is not None:
            self._trim(page.granule, before)
        if page.complete:
            if self._page_length:
                reckoned = (self._granule or 0) + self._page_length
                self._granule = reckoned if page.granule is None else page.granule
            self._page_length = 0
            self.ended |= page.last

    def _fill(self, resumes_at: int) -> None:
        """Queue concealment for what is missing before position ``resumes_at``."""
        gap = resumes_at - (self._granule or 0)
        if self._granule is None and gap > self._fillable:
            return  # joined in the middle of a broadcast: nothing was lost
        gap = max(0, min(gap, self._fillable)) // TICK * TICK
        if gap:
            self._fillable -= gap
            self._queue.append((None, gap // self._step))
            self._queued += gap // self._step
            self._granule = resumes_at

    def _trim(self, granule: int, before: int) -> None:
        """Cut what the last page's packets hold beyond the end it claims.

        ``before`` is what parts of this page handed out earlier held.
        """
        claimed = granule - (self._granule or 0)
        if claimed < 0:
            return  # an end before the page's own beginning is no claim at all
        keep = max(claimed, before)
        excess = self._page_length - keep
        if excess > 0:
            # Kept are the instants before the end: rounded up at the decoder's rate.
            end = -(-keep // self._step)
            self._cut_frames = self._page_length // self._step - end

    def render(self) -> NDArray[np.int16] | None:
        """Decode what is queued; frames by channels, or None where nothing is to be heard."""
        if not self._queue:
            return None
        block = np.empty((self._queued, self.head.channels), np.int16)
        address = block.ctypes.data
        frame_bytes = 2 * self.head.channels
        decode = self._packets.decode
        for index, (packet, frames) in enumerate(self._queue):
            try:
                if packet is None:
                    self._bridge(index, address, frames)
                else:
                    decode(packet, address, frames)
                    self.decoded += 1
            except CorruptStream:
                self.refused += 1
                self._packets.conceal(address, frames)
            address += frames * frame_bytes
        skipped = min(self._skip_frames, self._queued)
        self._skip_frames -= skipped
        heard = block[skipped : max(skipped, self._queued - self._cut_frames)]
        self._queue = []
        self._queued = self._cut_frames = 0
        return heard if len(heard) else None

    def _bridge(self, index: int, address: int, frames: int) -> None:
        """Fill a gap, its end with what the next packet remembers of the one before."""
        following = self._queue[index + 1 : index + 2]
        packet, recovered = following[0] if following else (None, 0)
        if packet is None or recovered > frames:
            self._packets.conceal(address, frames)
            return
        invented = frames - recovered
        self._packets.conceal(address, invented)
        self._packets.recover(packet, address + invented * 2 * self.head.channels, recovered)


class OpusDecoder(PushDecoder):
    """Ogg Opus, mono or stereo, one stream or a chain; see `voicecli.codecs.decoding.base.Decoder`.

    Multiplexed streams of other codecs are passed over. Lost and damaged pages
    are concealed for as long as their granule positions say, within reason.
    Memory is the chunk fed, one page, one packet, and the samples returned. What is
    refused as `UnsupportedFormat` is Ogg of another codec, more than two channels,
    and everything where there is no libopus.

    Args:
        rate_hz: rate to decode at: 8000, 12000, 16000, 24000 or 48000. Every one
            of them decodes every stream; libopus does the resampling.

    Raises:
        ValueError: another rate.
    """

    def __init__(self, rate_hz: int = 48_000) -> None:
        if rate_hz not in _RATES_HZ:
            raise ValueError(f"Opus decodes at {_RATES_HZ}, not at {rate_hz} Hz")
        super().__init__()
        self._rate_hz = rate_hz
        self._demuxer = OggDemuxer()
        self._link: _Link | None = None
        self._stranger: str | None = None  # a codec where a link of the chain was looked for
        self._refused = 0
        self._decoded = 0
        self._broken_off = False  # a link of the chain had no end
        self._cut_short = False  # the bytes end inside a link's first page

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        self._take_all(self._demuxer.feed(data), blocks)

    def _finish(self, blocks: list[Pcm]) -> None:
        self._cut_short = self._demuxer.holds_strange_page
        self._take_all(self._demuxer.flush(), blocks)
        self._leave_link()
        if fault := self._verdict():
            raise fault

    def _verdict(self) -> DecodeError | None:
        """What is wrong with the stream as a whole."""
        if fault := self._unsupported():
            return fault
        if self._link is None:
            return CorruptStream("there is no Ogg Opus in the stream")
        if self._refused and not self._decoded:
            return CorruptStream("not one Opus packet of the stream could be decoded")
        if self._broken_off:
            return TruncatedStream("the Opus stream ended without its last page")
        return self._unplayed()

    def _unplayed(self) -> DecodeError | None:
        """What came behind a whole link, and is known to have been another."""
        if self._demuxer.orphaned_pages:
            return CorruptStream("a part of the Ogg stream lost its first page and was not played")
        if self._cut_short:
            return TruncatedStream("the Opus stream ended inside the first page of its next part")
        return None

    def _unsupported(self) -> UnsupportedFormat | None:
        if self._stranger is None:
            return None
        return UnsupportedFormat(f"Ogg with {self._stranger} inside is not supported, only Opus")

    def _take_all(self, pages: list[Page], blocks: list[Pcm]) -> None:
        """Route pages to the current link, and render what they brought, also before a fault."""
        try:
            for page in pages:
                if page.first:
                    self._begin(page, blocks)
                elif self._link is not None and page.serial == self._link.serial:
                    self._link.take(page)
                    if page.last:
                        self._render(blocks)  # a trimmed end must not move to what follows
                elif fault := self._unsupported():
                    raise fault
        finally:
            self._render(blocks)

    def _begin(self, page: Page, blocks: list[Pcm]) -> None:
        """Look at the first page of a logical stream; if it is Opus, it is the one to play.

        First pages side by side are multiplexed streams, of which the first Opus
        is played; one that comes after other pages is the next of the chain.
        """
        if self._link is not None and not self._link.started:
            return
        packet = page.packets[0] if page.packets else b""
        codec = codec_of(packet)
        if codec != "Opus":
            if self._link is None or self._link.ended:
                self._stranger = self._stranger or codec or "an unknown codec"
            return
        self._stranger = None
        self._render(blocks)
        self._leave_link()
        self._link = _Link(page.serial, OpusHead.parse(packet), self._rate_hz)

    def _leave_link(self) -> None:
        if self._link is not None:
            self._refused += self._link.refused
            self._decoded += self._link.decoded
            self._broken_off |= not self._link.ended

    def _render(self, blocks: list[Pcm]) -> None:
        samples = self._link.render() if self._link is not None else None
        if samples is not None:
            blocks.append(Pcm(samples, self._rate_hz))
