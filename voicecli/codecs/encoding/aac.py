"""Samples to AAC-LC in ADTS frames (ISO/IEC 14496-3 §1.A.2).

ADTS states neither priming nor length. libav's encoder primes with one block, whose
first half of a window is unplayable in every decoder anyway, and
`voicecli.codecs.decoding.aac` does not play it: the beginning is exact. The last block
is padded with silence, and a marker in it states how much
(`voicecli.codecs.decoding.padding_marker`); a decoder that does not know the marker
plays up to 1023 frames of silence.
"""

from __future__ import annotations

from voicecli.codecs.decoding.mpeg import AAC_BLOCK_FRAMES, ADTS_RATES_HZ
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, padding_marker
from voicecli.codecs.encoding.encoder import Chunk
from voicecli.codecs.encoding.libav import LibavPacketEncoder
from voicecli.codecs.encoding.lossy import MpegEncoder, check_setting, codec_rate_hz

_HEADER_BYTES = 7
_LOW_COMPLEXITY = 1  # the profile field: object type 2, less one
_MIN_BPS = 8_000
_MAX_BLOCK_BITS = 6144  # of each channel (§4.5.3.1)
_DEFAULT_BPS_PER_CHANNEL = 64_000


class AacEncoder(MpegEncoder):
    """AAC-LC in ADTS; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: of the samples fed; resampled if ADTS has no such rate.
        channels: 1 or 2.
        bitrate_bps: from 8000 to 6 bits a sample; 64000 per channel, or that maximum,
            if None.

    Raises:
        ConfigError: a setting out of its range.
    """

    def __init__(
        self, sample_rate_hz: int, channels: int, *, bitrate_bps: int | None = None
    ) -> None:
        rate_hz = codec_rate_hz(sample_rate_hz, ADTS_RATES_HZ)
        super().__init__(
            sample_rate_hz,
            channels,
            rate_hz=rate_hz,
            block_frames=AAC_BLOCK_FRAMES,
            delay_frames=AAC_BLOCK_FRAMES,
        )
        max_bps = _MAX_BLOCK_BITS * rate_hz // AAC_BLOCK_FRAMES * channels
        if bitrate_bps is None:
            bitrate_bps = min(_DEFAULT_BPS_PER_CHANNEL * channels, max_bps)
        name = f"the bitrate of AAC at {rate_hz} Hz"
        check_setting(name, bitrate_bps, _MIN_BPS, max_bps, "bit/s")
        self._codec = LibavPacketEncoder("aac", "fltp", rate_hz, channels, bitrate_bps=bitrate_bps)
        self._fixed = (
            0xFFF1 << 40  # sync, MPEG-4, no CRC
            | _LOW_COMPLEXITY << 38
            | ADTS_RATES_HZ.index(rate_hz) << 34
            | channels << 30
            | 0x7FF << 2  # buffer fullness: variable bitrate
        )

    def _frame(self, packet: bytes) -> Chunk:
        if self._packets == self._total_blocks:
            packet = DATA_ELEMENT + padding_marker(self._padding_frames) + packet
        header = self._fixed | _HEADER_BYTES + len(packet) << 13
        data = header.to_bytes(_HEADER_BYTES, "big") + packet
        return Chunk(data, (self._packets - 1) * AAC_BLOCK_FRAMES)
