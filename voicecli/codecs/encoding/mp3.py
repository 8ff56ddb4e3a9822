"""Samples to MP3 of constant bitrate, by LAME.

LAME delays the audio by 576 frames and every decoder by 529 more, so a stream opens
with an info tag (`voicecli.codecs.encoding.infotag`) that makes players trim both: the
beginning is exact. The end is silence up to a whole MP3 frame. How much, the tag could
state only in advance. Our own decoder learns it from the last frame
(`voicecli.codecs.decoding.padding_marker`), every decoder from a file whose header was
patched.

The marker needs sixteen bytes, for which the last frame gets a higher bitrate. At the
highest there is none, and noise fills its frames completely. A stream of that bitrate
goes on for one frame more than the audio, and says so in its tag: our own decoder then
lags by a frame.
"""

from __future__ import annotations

import av

from voicecli.codecs.decoding.mp3 import DECODER_DELAY_FRAMES
from voicecli.codecs.decoding.mpeg import MPEG1_KBPS, MPEG2_KBPS, MPEG_RATES_HZ
from voicecli.codecs.decoding.padding_marker import padding_marker
from voicecli.codecs.encoding.ancillary import with_ancillary
from voicecli.codecs.encoding.encoder import Chunk
from voicecli.codecs.encoding.infotag import info_frame
from voicecli.codecs.encoding.libav import LibavPacketEncoder
from voicecli.codecs.encoding.lossy import MpegEncoder, codec_rate_hz
from voicecli.errors import ConfigError

ENCODER_DELAY_FRAMES = 576
"""LAME's ENCDELAY, whatever the rate."""

RATES_HZ = sorted(rate for rates in MPEG_RATES_HZ.values() for rate in rates)

_MPEG1_FROM_HZ, _MPEG2_FROM_HZ = 32_000, 16_000  # below: MPEG-2.5
_MPEG25_KBPS = MPEG2_KBPS[:9]  # LAME goes no further
_DEFAULT_KBPS_PER_CHANNEL = 64

_OPTIONS = {"reservoir": "0"}
"""Frames that use no bit reservoir leave one frame earlier, and stand alone."""


class Mp3Encoder(MpegEncoder):
    """Layer III of constant bitrate; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: of the samples fed; resampled if MPEG has no such rate.
        channels: 1 or 2.
        bitrate_bps: one that MPEG has at this rate; 64000 per channel, or the highest
            there is, if None.

    Raises:
        ConfigError: a setting out of its range.
    """

    def __init__(
        self, sample_rate_hz: int, channels: int, *, bitrate_bps: int | None = None
    ) -> None:
        rate_hz = codec_rate_hz(sample_rate_hz, RATES_HZ)
        bitrate_bps = _checked_bps(bitrate_bps, rate_hz, channels)
        self._codec = LibavPacketEncoder(
            "libmp3lame", "fltp", rate_hz, channels, bitrate_bps=bitrate_bps, options=_OPTIONS
        )
        highest_kbps = (MPEG1_KBPS if rate_hz >= _MPEG1_FROM_HZ else MPEG2_KBPS)[-1]
        is_highest = bitrate_bps == 1000 * highest_kbps
        self._silent_frames = self._codec.block_frames if is_highest else 0
        super().__init__(
            sample_rate_hz,
            channels,
            rate_hz=rate_hz,
            block_frames=self._codec.block_frames,
            delay_frames=ENCODER_DELAY_FRAMES + DECODER_DELAY_FRAMES + self._silent_frames,
        )
        self._writer = "Lavc{}.{}".format(*av.library_versions["libavcodec"])
        self._first = b""
        self._data_bytes = 0

    def _frame(self, packet: bytes) -> Chunk:
        self._first = self._first or packet
        if self._packets == self._total_blocks:
            packet = with_ancillary(packet, padding_marker(self._padding_frames)) or packet
        self._data_bytes += len(packet)
        return Chunk(packet, self._packets * self._blocks.size - self._delay_frames)

    def _header(self) -> bytes:
        padding_frames = self._silent_frames and self._silent_frames + DECODER_DELAY_FRAMES
        return info_frame(self._first, self._writer, ENCODER_DELAY_FRAMES, padding_frames)

    def _patch(self) -> bytes | None:
        padding_frames = self._padding_frames + self._silent_frames + DECODER_DELAY_FRAMES
        counts = self._packets, self._data_bytes
        return info_frame(self._first, self._writer, ENCODER_DELAY_FRAMES, padding_frames, counts)


def _checked_bps(bitrate_bps: int | None, rate_hz: int, channels: int) -> int:
    table: tuple[int, ...] = _MPEG25_KBPS
    if rate_hz >= _MPEG2_FROM_HZ:
        table = MPEG1_KBPS if rate_hz >= _MPEG1_FROM_HZ else MPEG2_KBPS
    table = table[1:]  # without free format
    if bitrate_bps is None:
        return 1000 * min(_DEFAULT_KBPS_PER_CHANNEL * channels, table[-1])
    if bitrate_bps not in {1000 * kbps for kbps in table}:
        raise ConfigError(
            f"MP3 cannot encode {bitrate_bps} bit/s at {rate_hz} Hz",
            remedy=f"choose one of {', '.join(str(kbps) for kbps in table)} kbit/s",
        )
    return bitrate_bps
