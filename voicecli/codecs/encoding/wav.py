"""Samples to WAV, whose sizes stand before what they measure.

In a stream nobody knows them yet. A file gets true sizes from the header patch,
unless it has outgrown their 32 bits; then it stays as it was, which every player
takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.riff import MAX_DATA_BYTES, wav_header
from voicecli.codecs.decoding.base import RATES_HZ
from voicecli.codecs.encoding.encoder import Coded, PushEncoder
from voicecli.codecs.encoding.pcm import little_endian
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples

_SAMPLE_BYTES = 2


class WavEncoder(PushEncoder):
    """16-bit RIFF/WAVE; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: 1000 to 768000, written as it is.
        channels: 1 or 2.

    Raises:
        ConfigError: no such rate.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if sample_rate_hz not in RATES_HZ:
            raise ConfigError(f"there is no WAV of {sample_rate_hz} Hz")
        super().__init__(sample_rate_hz, channels)

    def _push(self, samples: Samples) -> Iterator[Coded]:
        yield Coded(little_endian(samples), self._fed_frames)

    def _finish(self) -> Iterator[Coded]:
        yield from ()

    def _header(self) -> bytes:
        return wav_header(self._sample_rate_hz, self._channels, None)

    def _patch(self) -> bytes | None:
        data_bytes = self._fed_frames * self._channels * _SAMPLE_BYTES
        if data_bytes > MAX_DATA_BYTES:
            return None
        return wav_header(self._sample_rate_hz, self._channels, data_bytes)
