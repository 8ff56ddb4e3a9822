"""Samples to Ogg Opus, in pages short enough to play along with (RFC 7845).

Granule positions count at 48 kHz whatever the input was. A page's is the end of
its last packet; the decoder takes pre-skip, the encoder's own delay, off the
front. The last page claims ``pre-skip + length`` where its packets hold more:
that trims the silence that filled the last packet (section 4.4). The packets
before it can never reach beyond the length, because the delay has still to come
out behind them, so the last page always brings at least one packet.
"""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING

from voicecli.codecs.encoding.encoder import Coded
from voicecli.codecs.encoding.lossy import LossyEncoder, coded_rate_hz
from voicecli.codecs.encoding.oggmux import MAX_SEGMENTS, OggMuxer, segments
from voicecli.codecs.encoding.opuspackets import PacketEncoder
from voicecli.codecs.libopus import version
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
DEFAULT_PAGE_MS = 100

_GRANULE_HZ = 48_000
_PACKET_MS = 20
_MOST_PAGE_MS = 1_000  # as opusenc's --max-delay; nothing is gained beyond
_LEAST_BPS, _MOST_BPS = 6_000, 510_000  # RFC 6716 section 2.1.1
_DEFAULT_BPS_A_CHANNEL = 32_000  # speech in full bandwidth (RFC 7587 section 3.1.1)
_U32 = struct.Struct("<I")
_HEAD = struct.Struct("<8sBBHIhB")


class OpusEncoder(LossyEncoder):
    """Ogg Opus of 20 ms packets; see `voicecli.codecs.encoding.base.Encoder`.

    The first page of sound is one packet, so that it leaves at once; those after
    it hold ``page_ms``, in whole packets. Rates that Opus lacks are resampled.

    Args:
        sample_rate_hz: of the samples fed.
        channels: 1 or 2.
        bitrate_bps: 6000 to 510000; 32000 a channel if None.
        page_ms: 20 to 1000; 100 if None.
        serial: of the Ogg stream, uint32; a random one if None.

    Raises:
        ConfigError: a setting out of its range.
        UnsupportedFormat: no libopus on this machine.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        *,
        bitrate_bps: int | None = None,
        page_ms: int | None = None,
        serial: int | None = None,
    ) -> None:
        rate_hz = coded_rate_hz(sample_rate_hz, RATES_HZ)
        self._packets = PacketEncoder(rate_hz, channels, _checked_bps(bitrate_bps, channels))
        super().__init__(
            sample_rate_hz,
            channels,
            rate_hz=rate_hz,
            block_frames=rate_hz * _PACKET_MS // 1000,
            delay_frames=self._packets.lookahead_frames,
        )
        self._packets_a_page = _checked_page_ms(page_ms) // _PACKET_MS
        self._granules_a_frame = _GRANULE_HZ // rate_hz
        self._pre_skip = self._delay_frames * self._granules_a_frame
        self._muxer = OggMuxer(secrets.randbits(32) if serial is None else serial)
        self._head_pages = self._make_head_pages()
        self._page: list[bytes] = []
        self._page_segments = 0
        self._pages = 0
        self._packed_frames = 0

    def _header(self) -> bytes:
        return self._head_pages

    def _make_head_pages(self) -> bytes:
        """Identification header and comments, each on a page of its own (sections 3 and 5)."""
        head = _HEAD.pack(
            b"OpusHead", 1, self._channels, self._pre_skip, self._sample_rate_hz, 0, 0
        )
        tags = b"OpusTags" + _prefixed(version()) + _U32.pack(1) + _prefixed("ENCODER=voicecli")
        return self._muxer.page([head], 0, first=True) + self._muxer.page([tags], 0)

    def _encode(self, block: Samples) -> Iterator[Coded]:
        packet = self._packets.encode(block)
        if self._page_segments + segments(packet) > MAX_SEGMENTS:
            yield self._close_page()
        self._page.append(packet)
        self._page_segments += segments(packet)
        self._packed_frames += block.shape[0]
        full = len(self._page) >= (self._packets_a_page if self._pages else 1)
        if full and self._packed_frames != self._due_frames:
            yield self._close_page()

    def _end(self) -> Iterator[Coded]:
        granule = self._pre_skip + self._length * self._granules_a_frame
        yield Coded(self._muxer.page(self._page, granule, last=True), self._length)

    @property
    def _due_frames(self) -> int | None:
        """Where the last packet ends, which the last page is to hold; None until known."""
        return None if self._due_blocks is None else self._due_blocks * self._blocks.size

    def _close_page(self) -> Coded:
        page = self._muxer.page(self._page, self._packed_frames * self._granules_a_frame)
        self._pages += 1
        self._page = []
        self._page_segments = 0
        return Coded(page, self._packed_frames - self._delay_frames)


def _prefixed(text: str) -> bytes:
    """A string as comments have it: its length, then UTF-8."""
    encoded = text.encode()
    return _U32.pack(len(encoded)) + encoded


def _checked_bps(bitrate_bps: int | None, channels: int) -> int:
    if bitrate_bps is None:
        return _DEFAULT_BPS_A_CHANNEL * channels
    if not _LEAST_BPS <= bitrate_bps <= _MOST_BPS:
        raise ConfigError(
            f"Opus has no {bitrate_bps} bit/s",
            remedy=f"choose a bitrate from {_LEAST_BPS} to {_MOST_BPS} bit/s",
        )
    return bitrate_bps


def _checked_page_ms(page_ms: int | None) -> int:
    if page_ms is None:
        return DEFAULT_PAGE_MS
    if not _PACKET_MS <= page_ms <= _MOST_PAGE_MS:
        raise ConfigError(
            f"an Ogg page cannot last {page_ms} ms",
            remedy=f"choose a page length from {_PACKET_MS} to {_MOST_PAGE_MS} ms",
        )
    return page_ms
