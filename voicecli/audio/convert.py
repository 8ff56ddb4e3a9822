"""Convert decoded blocks to one rate, number of channels and sample type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.downmix import downmix
from voicecli.audio.pcm import to_float32, to_int16
from voicecli.audio.resample import Resampler

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm, Samples


class SampleConverter:
    """Maps channels, applies the volume, resamples, and sets the sample type.

    Blocks that already have the target's format pass through uncopied. Resampled
    audio keeps its length to the frame; `flush` returns what the resampler still
    holds. One thread at a time.
    """

    def __init__(self, target: AudioFormat, volume: float = 1.0) -> None:
        self._target = target
        self._volume = volume
        self._resampler: Resampler | None = None

    def convert(self, pcm: Pcm) -> list[Samples]:
        """Convert one block to the target's format, in zero or more pieces."""
        pieces: list[Samples] = []
        if self._resampler is None or pcm.rate_hz != self._resampler.from_hz:
            pieces = self.flush()
            target = self._target
            self._resampler = Resampler(
                pcm.rate_hz, target.rate_hz, target.channels, target.sample_type
            )
        samples = self._apply_volume(self._map_channels(pcm))
        typed = to_int16(samples) if self._target.sample_type == "int16" else to_float32(samples)
        return pieces + self._resampler.process(typed)

    def flush(self) -> list[Samples]:
        """Return the audio still held; the next block starts afresh."""
        resampler, self._resampler = self._resampler, None
        return resampler.flush() if resampler else []

    def _map_channels(self, pcm: Pcm) -> Samples:
        samples, channels, wanted = pcm.samples, pcm.channels, self._target.channels
        if channels == wanted:
            return samples
        if channels > max(2, wanted):
            samples = downmix(samples, min(2, wanted), pcm.speakers)
        elif channels > wanted:  # stereo: the mean cannot clip
            samples = to_float32(samples).mean(axis=1, keepdims=True, dtype=np.float32)
        channels = samples.shape[1]
        if channels == 1:
            return np.repeat(samples, wanted, axis=1)
        return np.pad(samples, ((0, 0), (0, wanted - channels)))

    def _apply_volume(self, samples: Samples) -> Samples:
        if self._volume == 1.0:
            return samples
        scaled: Samples = np.clip(to_float32(samples) * np.float32(self._volume), -1.0, 1.0)
        return scaled
