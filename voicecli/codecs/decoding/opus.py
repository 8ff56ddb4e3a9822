"""Ogg Opus to int16, at the requested rate (RFC 7845; packets: RFC 6716).

A file may chain several logical streams ("links"); each has a header and a decoder of its own.
Positions ("granules") count at 48 kHz, "pre-skip" samples of encoder delay included.
A decoder at 24 kHz returns every second of those instants, so lengths at any rate
follow from keeping the instants within ``[pre-skip, end)``.

The granule position of the page marked as the last states the end: it claims fewer
samples than its packets hold, and the difference is padding (section 4.4). Only
differences of granule positions are used, because the first need not be 0: a live
stream keeps those of the broadcast it was cut from (section 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.ogg import OggDemuxer, Page
from voicecli.codecs.decoding.oggcodec import codec_of
from voicecli.codecs.decoding.opusformat import GRANULE_HZ, OpusHead
from voicecli.codecs.formats import OPUS_RATES_HZ
from voicecli.errors import CorruptStream, DecodeError, TruncatedStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_TICK = 120
"""2.5 ms at 48 kHz: every Opus frame is a multiple of it (RFC 6716 section 2.1.4)."""

_CONFIGURATION = 0xFC
"""Bits of a packet's first byte that packets to be merged have in common (RFC 6716 section 3.1)."""

_MAX_CONCEALED = 5 * GRANULE_HZ
"""Longest gap that is concealed; and no more is concealed than has been decoded since."""


class _Link:
    """Header, position and decoder of one logical stream.

    `add` queues the packets of a page; `render` decodes the queue, of ``queued_frames``,
    to one block. ``rejected`` and ``decoded`` count packets, merged ones as one.
    ``speakers`` is as in `Pcm`.
    """

    def __init__(self, serial: int, head: OpusHead, rate_hz: int) -> None:
        # Raises without libopus.
        from voicecli.codecs.libopus import MAX_PACKET_MS, OpusPacketDecoder  # noqa: PLC0415

        self.serial = serial
        self.started = False
        self.ended = False
        self.rejected = 0
        self.decoded = 0
        self._channels = head.channels
        mapping = head.mapping
        self.speakers = mapping.speakers if mapping else 0
        self._packets = OpusPacketDecoder(
            rate_hz, head.channels, head.gain_q8, mapping and mapping[:3]
        )
        self._max_merged_frames = 0 if mapping else rate_hz * MAX_PACKET_MS // 1000
        self._step = GRANULE_HZ // rate_hz
        self._skip_frames = -(-head.pre_skip // self._step)
        self._tags_due = True
        self._granule: int | None = None  # position at the end of the last complete page
        self._tocs: set[int] = set()  # first bytes of packets
        self._conceal_budget = _MAX_CONCEALED
        # For `render`: (packet or None for a gap, frames at the decoder's rate).
        self._queue: list[tuple[bytes | None, int]] = []
        self.queued_frames = 0
        self._cut_frames = 0

    def add(self, page: Page) -> None:
        """Queue the packets of a page."""
        self.started = True
        packets, lost = page.packets, page.lost
        if self._tags_due and packets:
            self._tags_due = False
            if packets[0].startswith(b"OpusTags"):
                packets, lost = packets[1:], 0
        if page.checked:
            self._tocs.update(packet[0] for packet in packets if packet)
        else:
            packets = self._plausible(packets)
        lengths = [self._packets.packet_length(packet) for packet in packets]
        total = sum(lengths)
        if lost and packets and page.granule is not None:
            self._fill_gap(page.granule - total)
        for packet, length in zip(packets, lengths, strict=True):
            if length:
                self._queue.append((packet, length // self._step))
            else:
                self.rejected += 1
        self.queued_frames += total // self._step
        self._conceal_budget = min(_MAX_CONCEALED, self._conceal_budget + total)
        if page.last and page.granule is not None:
            self._trim_end(page.granule, total)
        if total:
            computed = (self._granule or 0) + total
            self._granule = computed if page.granule is None else page.granule
        self.ended |= page.last

    def _plausible(self, packets: list[bytes]) -> list[bytes]:
        """Return the packets of a page without a checksum, up to one unlike all before.

        Behind a wrong length the first byte, which says how a packet was encoded, is
        not where it should be. The packet before it has the wrong length.
        """
        for number, packet in enumerate(packets):
            if packet[:1] and packet[0] not in self._tocs:
                return packets[: max(0, number - 1)]
        return packets

    def _fill_gap(self, resumes_at: int) -> None:
        """Queue concealment for what is missing before position ``resumes_at``."""
        gap = resumes_at - (self._granule or 0)
        if self._granule is None and gap > self._conceal_budget:
            return  # joined in the middle of a broadcast: nothing was lost
        gap = max(0, min(gap, self._conceal_budget)) // _TICK * _TICK
        if gap:
            self._conceal_budget -= gap
            self._queue.append((None, gap // self._step))
            self.queued_frames += gap // self._step
            self._granule = resumes_at

    def _trim_end(self, granule: int, page_length: int) -> None:
        """Cut what the last page's packets hold beyond the end it claims."""
        claimed = granule - (self._granule or 0)
        if claimed < 0:
            return  # an end before the page's own beginning is invalid
        if claimed < page_length:
            # The instants before the end are kept: rounded up at the decoder's rate.
            self._cut_frames = page_length // self._step - -(-claimed // self._step)

    def render(self) -> NDArray[np.int16] | None:
        """Decode the queue to frames by channels; None if nothing is to be heard."""
        if not self._queue:
            return None
        block = np.empty((self.queued_frames, self._channels), np.int16)
        address = block.ctypes.data
        self._merge_queue()
        for index, (packet, frames) in enumerate(self._queue):
            try:
                if packet is None:
                    self._bridge_gap(index, address, frames)
                else:
                    self._packets.decode(packet, address, frames)
                    self.decoded += 1
            except CorruptStream:
                self.rejected += 1
                self._packets.conceal(address, frames)
            address += frames * block.strides[0]
        skipped = min(self._skip_frames, self.queued_frames)
        self._skip_frames -= skipped
        heard = block[skipped : max(skipped, self.queued_frames - self._cut_frames)]
        self._queue = []
        self.queued_frames = self._cut_frames = 0
        return heard if len(heard) else None

    def _merge_queue(self) -> None:
        """Merge adjacent packets, so that fewer calls decode the queue.

        Not next to a gap, which is bridged with the packet that follows it.
        """
        runs: list[list[tuple[bytes, int]]] = []
        configuration = room = 0
        for packet, frames in self._queue:
            if packet is None:
                return
            if frames > room or (packet[0] ^ configuration) & _CONFIGURATION:
                runs.append([])
                configuration, room = packet[0], self._max_merged_frames
            runs[-1].append((packet, frames))
            room -= frames
        self._queue = []
        for run in runs:
            packets, lengths = zip(*run, strict=True)
            merged = self._packets.merge(packets) if len(run) > 1 else None
            self._queue += [(merged, sum(lengths))] if merged else run

    def _bridge_gap(self, index: int, address: int, frames: int) -> None:
        """Conceal a gap, its end with the next packet's copy of its predecessor."""
        following = self._queue[index + 1 : index + 2]
        packet, recovered = following[0] if following else (None, 0)
        if packet is None or recovered > frames:
            self._packets.conceal(address, frames)
            return
        concealed = frames - recovered
        self._packets.conceal(address, concealed)
        self._packets.recover(packet, address + concealed * 2 * self._channels, recovered)


class OpusDecoder(PushDecoder):
    """Ogg Opus of up to eight channels, one stream or a chain; a `Decoder`.

    Multiplexed streams of other codecs are skipped. Lost and damaged pages are
    concealed for as long as their granule positions say, within limits. Memory is the
    chunk fed, one page, one packet, and the samples returned. `UnsupportedFormat` is
    raised for Ogg with another codec, for ambisonics, and for everything if there is no
    libopus.

    Args:
        rate_hz: rate to decode at: 8000, 12000, 16000, 24000 or 48000. Each of them
            decodes every stream; libopus resamples.

    Raises:
        ValueError: another rate.
    """

    def __init__(self, rate_hz: int = 48_000) -> None:
        if rate_hz not in OPUS_RATES_HZ:
            raise ValueError(f"Opus decodes at {OPUS_RATES_HZ}, not at {rate_hz} Hz")
        super().__init__()
        self._rate_hz = rate_hz
        self._demuxer = OggDemuxer()
        self._link: _Link | None = None
        self._unsupported: UnsupportedFormat | None = None  # where a link was expected
        self._rejected = 0
        self._decoded = 0
        self._link_cut = False  # a link of the chain had no end
        self._cut_in_first_page = False  # of the next link

    def _push(self, data: bytes) -> Iterator[Pcm]:
        yield from self._process(self._demuxer.feed(data))

    def _finish(self) -> Iterator[Pcm]:
        self._cut_in_first_page = self._demuxer.holds_start_of_new_stream
        yield from self._process(self._demuxer.flush())
        self._leave_link()
        self._check_whole()

    def _check_whole(self) -> None:
        """Raise the fault of the stream as a whole, if it has one."""
        if self._unsupported is not None:
            raise self._unsupported
        if self._link is None:
            raise CorruptStream("there is no Ogg Opus in the stream")
        if self._rejected and not self._decoded:
            raise CorruptStream("no Opus packet of the stream could be decoded")
        if self._link_cut:
            raise TruncatedStream("the Opus stream ends without its last page")
        if self._demuxer.orphaned_pages:
            raise CorruptStream("part of the Ogg stream lost its first page and was not played")
        if self._cut_in_first_page:
            raise TruncatedStream("the Opus stream ends inside the first page of its next part")

    def _process(self, pages: Iterable[Page]) -> Iterator[Pcm]:
        """Route pages to the current link, and render them, also before a fault."""
        try:
            for page in pages:
                if page.first:
                    yield from self._begin(page)
                elif self._link is not None and page.serial == self._link.serial:
                    self._link.add(page)
                    # The trimming of a last page must not affect what follows.
                    if page.last or self._link.queued_frames > self._rate_hz:
                        yield from self._render()
                elif self._unsupported is not None:
                    raise self._unsupported
        except DecodeError:
            yield from self._render()
            raise
        yield from self._render()

    def _begin(self, page: Page) -> Iterator[Pcm]:
        """Examine the first page of a logical stream, and make it the current link if it is Opus.

        First pages side by side are multiplexed streams, of which the first Opus is
        played; one that follows other pages is the next of the chain.
        """
        if self._link is not None and not self._link.started:
            return
        packet = page.packets[0] if page.packets else b""
        codec = codec_of(packet)
        if codec != "Opus":
            if self._unsupported is None and (self._link is None or self._link.ended):
                name = codec or "an unknown codec"
                self._unsupported = UnsupportedFormat(f"{name} in Ogg is not supported, only Opus")
            return
        self._unsupported = None
        yield from self._render()
        self._leave_link()
        self._link = _Link(page.serial, OpusHead.parse(packet), self._rate_hz)

    def _leave_link(self) -> None:
        if self._link is not None:
            self._rejected += self._link.rejected
            self._decoded += self._link.decoded
            self._link_cut |= not self._link.ended

    def _render(self) -> Iterator[Pcm]:
        link = self._link
        samples = link.render() if link is not None else None
        if link is not None and samples is not None:
            yield Pcm(samples, self._rate_hz, link.speakers)
