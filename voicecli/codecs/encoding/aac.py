"""Samples to AAC-LC in ADTS frames (ISO/IEC 14496-3 §1.A.2).

ADTS tells neither priming nor length. libav's encoder primes with one block,
which every decoder's first half of a window makes unplayable anyway, and
`voicecli.codecs.decoding.aac` does not play it: so the beginning is exact. The last block
is filled up with silence. How much, it says itself (`codecs.decoding.padding_marker`);
a decoder that does not know the mark plays up to 1023 frames of silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, end_mark
from voicecli.codecs.encoding.encoder import Coded
from voicecli.codecs.encoding.libav import PacketEncoder
from voicecli.codecs.encoding.lossy import LossyEncoder, coded_rate_hz
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

RATES_HZ = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
"""Rates by their index in the ADTS header (table 1.18)."""

BLOCK_FRAMES = 1024

_HEADER_BYTES = 7
_LOW_COMPLEXITY = 1  # the profile field: object type 2, less one
_LEAST_BPS = 8_000
_MOST_BLOCK_BITS = 6144  # of each channel (§4.5.3.1)
_DEFAULT_BPS_A_CHANNEL = 64_000


class AacEncoder(LossyEncoder):
    """AAC-LC in ADTS; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: of the samples fed; resampled where ADTS has no such rate.
        channels: 1 or 2.
        bitrate_bps: from 8000 to 6 bits a sample; 64000 a channel, or that most, if None.

    Raises:
        ConfigError: a setting out of its range.
    """

    def __init__(
        self, sample_rate_hz: int, channels: int, *, bitrate_bps: int | None = None
    ) -> None:
        rate_hz = coded_rate_hz(sample_rate_hz, RATES_HZ)
        super().__init__(
            sample_rate_hz,
            channels,
            rate_hz=rate_hz,
            block_frames=BLOCK_FRAMES,
            delay_frames=BLOCK_FRAMES,
        )
        self._codec = PacketEncoder(
            "aac",
            "fltp",
            rate_hz,
            channels,
            bitrate_bps=_checked_bps(bitrate_bps, rate_hz, channels),
        )
        self._fixed = (
            0xFFF1 << 40  # sync, MPEG-4, no CRC
            | _LOW_COMPLEXITY << 38
            | RATES_HZ.index(rate_hz) << 34
            | channels << 30
            | 0x7FF << 2  # buffer fullness: variable bitrate
        )
        self._packets = 0

    def _encode(self, block: Samples) -> Iterator[Coded]:
        for packet in self._codec.encode(block):
            yield self._framed(packet)

    def _end(self) -> Iterator[Coded]:
        for packet in self._codec.finish():
            if self._packets != self._due_blocks:
                yield self._framed(packet)

    def _framed(self, packet: bytes) -> Coded:
        self._packets += 1
        if self._packets == self._due_blocks:
            packet = DATA_ELEMENT + end_mark(self._surplus_frames) + packet
        header = self._fixed | _HEADER_BYTES + len(packet) << 13
        data = header.to_bytes(_HEADER_BYTES, "big") + packet
        return Coded(data, (self._packets - 1) * BLOCK_FRAMES)


def _checked_bps(bitrate_bps: int | None, rate_hz: int, channels: int) -> int:
    most_bps = _MOST_BLOCK_BITS * rate_hz // BLOCK_FRAMES * channels
    if bitrate_bps is None:
        return min(_DEFAULT_BPS_A_CHANNEL * channels, most_bps)
    if not _LEAST_BPS <= bitrate_bps <= most_bps:
        raise ConfigError(
            f"AAC has no {bitrate_bps} bit/s at {rate_hz} Hz",
            remedy=f"choose a bitrate from {_LEAST_BPS} to {most_bps} bit/s",
        )
    return bitrate_bps
