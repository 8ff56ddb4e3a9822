"""One link of an Ogg Opus chain: a logical stream's packets to samples (RFC 7845).

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

from voicecli.codecs.decoding.opusformat import GRANULE_HZ, TICK, OpusHead, packet_length
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicecli.codecs.decoding.ogg import Page
    from voicecli.codecs.libopus import OpusPacketDecoder

_MAX_CONCEALED = 5 * GRANULE_HZ
"""Longest gap that is concealed; and no more is concealed than has been decoded since."""


class OpusLink:
    """Header, position and decoder of one logical stream.

    `add` queues the packets of a page; `render` decodes the queue, of ``queued_frames``,
    to one block. ``rejected`` and ``decoded`` count packets. ``speakers`` is as in `Pcm`.
    """

    def __init__(self, serial: int, head: OpusHead, rate_hz: int) -> None:
        from voicecli.codecs.libopus import OpusPacketDecoder  # noqa: PLC0415  raises without libopus

        self.serial = serial
        self.started = False
        self.ended = False
        self.rejected = 0
        self.decoded = 0
        self._channels = head.channels
        mapping = head.mapping
        self.speakers = mapping.speakers if mapping else 0
        self._packets: OpusPacketDecoder = OpusPacketDecoder(
            rate_hz, head.channels, head.gain_q8, mapping and mapping[:3]
        )
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
        lengths = [packet_length(packet) for packet in packets]
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
        gap = max(0, min(gap, self._conceal_budget)) // TICK * TICK
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
