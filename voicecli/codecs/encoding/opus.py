"""Samples to Ogg Opus, in pages short enough to play as they arrive (RFC 7845).

Granule positions count at 48 kHz whatever the input was. A page's is the end of its
last packet; the decoder removes pre-skip, the encoder's own delay, at the front. The
last page claims ``pre-skip + length`` though its packets hold more: that trims the
silence that padded the last packet (section 4.4). The packets before it never reach
beyond the length, because the delay still has to come out after them, so the last page
always has at least one packet.
"""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.opusformat import GRANULE_HZ, OPUS_HEAD
from voicecli.codecs.encoding.encoder import Chunk
from voicecli.codecs.encoding.lossy import LossyEncoder, check_setting, codec_rate_hz
from voicecli.codecs.encoding.oggmux import MAX_SEGMENTS, OggMuxer, segments
from voicecli.codecs.encoding.opuspackets import OpusPacketEncoder
from voicecli.codecs.formats import OPUS_RATES_HZ
from voicecli.codecs.libopus import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

DEFAULT_PAGE_MS = 100

_PACKET_MS = 20
_MAX_PAGE_MS = 1_000  # as opusenc's --max-delay; longer pages gain nothing
_MIN_BPS, _MAX_BPS = 6_000, 510_000  # RFC 6716 section 2.1.1
_DEFAULT_BPS_PER_CHANNEL = 32_000  # fullband speech (RFC 7587 section 3.1.1)
_U32 = struct.Struct("<I")


class OpusEncoder(LossyEncoder):
    """Ogg Opus of 20 ms packets; see `voicecli.codecs.encoding.base.Encoder`.

    The first page of audio is one packet, so that it leaves at once; later pages hold
    ``page_ms``, in whole packets. Rates that Opus lacks are resampled.

    Args:
        sample_rate_hz: of the samples fed.
        channels: 1 or 2.
        bitrate_bps: 6000 to 510000; 32000 per channel if None.
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
        rate_hz = codec_rate_hz(sample_rate_hz, OPUS_RATES_HZ)
        if bitrate_bps is None:
            bitrate_bps = _DEFAULT_BPS_PER_CHANNEL * channels
        check_setting("the bitrate of Opus", bitrate_bps, _MIN_BPS, _MAX_BPS, "bit/s")
        if page_ms is None:
            page_ms = DEFAULT_PAGE_MS
        check_setting("the length of an Ogg page", page_ms, _PACKET_MS, _MAX_PAGE_MS, "ms")
        self._codec = OpusPacketEncoder(rate_hz, channels, bitrate_bps)
        super().__init__(
            sample_rate_hz,
            channels,
            rate_hz=rate_hz,
            block_frames=rate_hz * _PACKET_MS // 1000,
            delay_frames=self._codec.lookahead_frames,
        )
        self._packets_per_page = page_ms // _PACKET_MS
        self._granules_per_frame = GRANULE_HZ // rate_hz
        self._pre_skip = self._delay_frames * self._granules_per_frame
        self._muxer = OggMuxer(secrets.randbits(32) if serial is None else serial)
        self._head_pages = self._make_head_pages()
        self._page: list[bytes] = []
        self._page_segments = 0
        self._packets = 0

    def _header(self) -> bytes:
        return self._head_pages

    def _make_head_pages(self) -> bytes:
        """Make identification header and comments, each on its own page (sections 3 and 5)."""
        head = OPUS_HEAD.pack(
            b"OpusHead", 1, self._channels, self._pre_skip, self._sample_rate_hz, 0, 0
        )
        tags = b"OpusTags" + _comment(version()) + _U32.pack(1) + _comment("ENCODER=voicecli")
        return self._muxer.page([head], 0, first=True) + self._muxer.page([tags], 0)

    def _encode(self, block: Samples) -> Iterator[Chunk]:
        packet = self._codec.encode(block)
        if self._page_segments + segments(packet) > MAX_SEGMENTS:
            yield self._close_page()
        self._page.append(packet)
        self._page_segments += segments(packet)
        self._packets += 1
        full = self._packets == 1 or len(self._page) >= self._packets_per_page
        if full and self._packets != self._total_blocks:  # the last page must have a packet
            yield self._close_page()

    def _end(self) -> Iterator[Chunk]:
        granule = self._pre_skip + self._length * self._granules_per_frame
        yield Chunk(self._muxer.page(self._page, granule, last=True), self._length)

    def _close_page(self) -> Chunk:
        position = self._packets * self._blocks.size
        page = self._muxer.page(self._page, position * self._granules_per_frame)
        self._page = []
        self._page_segments = 0
        return Chunk(page, position - self._delay_frames)


def _comment(text: str) -> bytes:
    """Format a string as in comments: its length, then UTF-8."""
    encoded = text.encode()
    return _U32.pack(len(encoded)) + encoded
