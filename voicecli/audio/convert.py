"""From the blocks that were decoded to the frames that a sink takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_float32, to_int16
from voicecli.audio.resample import Resampler

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm, Samples


class SampleConverter:
    """Maps channels, applies the volume, resamples, and sets the sample type.

    Does nothing at all to blocks that are already right: PCM on its way to a
    willing device passes as the view of the received bytes that it is. What is
    resampled keeps its length to the frame (`Resampler`); `flush` gives what
    is left of it. One thread at a time.
    """

    def __init__(self, target: AudioFormat, volume: float = 1.0) -> None:
        self._target = target
        self._volume = volume
        self._converter: Resampler | None = None

    def convert(self, pcm: Pcm) -> list[Samples]:
        """One block in the target's format, in zero or more pieces."""
        pieces: list[Samples] = []
        if self._converter is None or pcm.rate_hz != self._converter.from_hz:
            pieces = self.flush()
            target = self._target
            self._converter = Resampler(
                pcm.rate_hz, target.rate_hz, target.channels, target.sample_type
            )
        samples = self._typed(self._louder(self._mapped(pcm.samples)))
        return pieces + self._converter.put(samples)

    def flush(self) -> list[Samples]:
        """What is left to say of the sound so far; what comes next begins anew."""
        converter, self._converter = self._converter, None
        return converter.rest() if converter else []

    def _mapped(self, samples: Samples) -> Samples:
        channels, wanted = samples.shape[1], self._target.channels
        if channels == wanted:
            return samples
        if channels > wanted:
            # The mean of all keeps full scale within full scale, and a voice that has a
            # channel to itself, as the centre of 5.1 has, in every channel there is.
            samples = to_float32(samples).mean(axis=1, keepdims=True, dtype=np.float32)
            channels = 1
        if channels == 1:
            return np.repeat(samples, wanted, axis=1)
        padded = np.zeros((samples.shape[0], wanted), samples.dtype)
        padded[:, :channels] = samples
        return padded

    def _louder(self, samples: Samples) -> Samples:
        if self._volume == 1.0:
            return samples
        louder: Samples = np.clip(to_float32(samples) * np.float32(self._volume), -1.0, 1.0)
        return louder

    def _typed(self, samples: Samples) -> Samples:
        if self._target.sample_type == "int16":
            return to_int16(samples)
        return to_float32(samples)
