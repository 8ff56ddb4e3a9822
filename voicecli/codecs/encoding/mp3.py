"""Samples to MP3 of constant bitrate, by LAME.

LAME delays the sound by 576 frames and every decoder by 529 more, so a stream
opens with an info tag (`voicecli.codecs.encoding.infotag`) that has players cut
both: the beginning is exact. The end is silence up to a whole MP3 frame. How much
of it, the tag could tell only beforehand; our own decoder learns it from the last
frame (`voicecli.codecs.decoding.padding_marker`), everybody from a file whose header patch was
written.

The mark needs sixteen bytes, for which the last frame gets a higher bitrate. At
the highest there is none, and noise fills its frames to the brim. A stream of that
bitrate goes on for one frame more than the sound, and says so in its tag: there a
decoder of ours is a frame late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from voicecli.codecs.decoding.mp3 import DECODER_DELAY_FRAMES
from voicecli.codecs.decoding.padding_marker import end_mark
from voicecli.codecs.encoding.ancillary import with_ancillary
from voicecli.codecs.encoding.encoder import Coded
from voicecli.codecs.encoding.infotag import Counts, info_frame
from voicecli.codecs.encoding.libav import PacketEncoder
from voicecli.codecs.encoding.lossy import LossyEncoder, coded_rate_hz
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

ENCODER_DELAY_FRAMES = 576
"""LAME's ENCDELAY, whatever the rate."""

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

_MPEG1_FROM_HZ, _MPEG2_FROM_HZ = 32_000, 16_000  # below: MPEG-2.5
_MPEG1_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG25_KBPS = _MPEG2_KBPS[:8]  # LAME goes no further
_DEFAULT_KBPS_A_CHANNEL = 64

_OPTIONS = {"reservoir": "0"}
"""Frames that borrow no bits from those before leave one frame earlier, and stand alone."""


class Mp3Encoder(LossyEncoder):
    """Layer III of constant bitrate; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: of the samples fed; resampled where MPEG has no such rate.
        channels: 1 or 2.
        bitrate_bps: one that MPEG has at this rate; 64000 a channel, or the most there
            is, if None.

    Raises:
        ConfigError: a setting out of its range.
    """

    def __init__(
        self, sample_rate_hz: int, channels: int, *, bitrate_bps: int | None = None
    ) -> None:
        rate_hz = coded_rate_hz(sample_rate_hz, RATES_HZ)
        bitrate_bps = _checked_bps(bitrate_bps, rate_hz, channels)
        self._codec = PacketEncoder(
            "libmp3lame", "fltp", rate_hz, channels, bitrate_bps=bitrate_bps, options=_OPTIONS
        )
        highest_kbps = (_MPEG1_KBPS if rate_hz >= _MPEG1_FROM_HZ else _MPEG2_KBPS)[-1]
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
        self._packets = 0
        self._data_bytes = 0

    def _encode(self, block: Samples) -> Iterator[Coded]:
        for packet in self._codec.encode(block):
            yield self._counted(packet)

    def _end(self) -> Iterator[Coded]:
        for packet in self._codec.finish():
            if self._packets != self._due_blocks:  # LAME flushes more than the sound needs
                yield self._counted(packet)

    def _counted(self, packet: bytes) -> Coded:
        self._first = self._first or packet
        self._packets += 1
        if self._packets == self._due_blocks:
            packet = with_ancillary(packet, end_mark(self._surplus_frames)) or packet
        self._data_bytes += len(packet)
        return Coded(packet, self._packets * self._blocks.size - self._delay_frames)

    def _header(self) -> bytes:
        padding_frames = self._silent_frames and self._silent_frames + DECODER_DELAY_FRAMES
        return info_frame(self._first, self._writer, ENCODER_DELAY_FRAMES, padding_frames)

    def _patch(self) -> bytes | None:
        padding_frames = self._surplus_frames + self._silent_frames + DECODER_DELAY_FRAMES
        counts = Counts(self._packets, self._data_bytes)
        return info_frame(self._first, self._writer, ENCODER_DELAY_FRAMES, padding_frames, counts)


def _checked_bps(bitrate_bps: int | None, rate_hz: int, channels: int) -> int:
    table: tuple[int, ...] = _MPEG25_KBPS
    if rate_hz >= _MPEG2_FROM_HZ:
        table = _MPEG1_KBPS if rate_hz >= _MPEG1_FROM_HZ else _MPEG2_KBPS
    if bitrate_bps is None:
        return 1000 * min(_DEFAULT_KBPS_A_CHANNEL * channels, table[-1])
    if bitrate_bps not in {1000 * kbps for kbps in table}:
        raise ConfigError(
            f"MP3 has no {bitrate_bps} bit/s at {rate_hz} Hz",
            remedy=f"choose one of {', '.join(str(kbps) for kbps in table)} kbit/s",
        )
    return bitrate_bps
