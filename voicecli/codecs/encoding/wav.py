"""Samples to WAV, whose sizes precede the data that they measure.

In a stream the sizes are unknown. The header patch gives a file its true sizes, unless
it has outgrown their 32 bits; then the placeholders stay, which every player accepts.
"""

from __future__ import annotations

from voicecli.audio.wavheader import MAX_DATA_BYTES, wav_header
from voicecli.codecs.encoding.pcm import PcmEncoder
from voicecli.codecs.formats import RATES_HZ
from voicecli.errors import ConfigError

_SAMPLE_BYTES = 2


class WavEncoder(PcmEncoder):
    """16-bit RIFF/WAVE; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: 1000 to 768000, written as it is.
        channels: 1 or 2.

    Raises:
        ConfigError: another rate.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if sample_rate_hz not in RATES_HZ:
            raise ConfigError(f"WAV cannot hold {sample_rate_hz} Hz")
        super().__init__(sample_rate_hz, channels)

    def _header(self) -> bytes:
        return wav_header(self._sample_rate_hz, self._channels, None)

    def _patch(self) -> bytes | None:
        data_bytes = self._fed_frames * self._channels * _SAMPLE_BYTES
        if data_bytes > MAX_DATA_BYTES:
            return None
        return wav_header(self._sample_rate_hz, self._channels, data_bytes)
