"""From the blocks that were decoded to the frames that a sink takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.audio import AudioFormat, to_float32, to_int16

if TYPE_CHECKING:
    from voicecli.audio import Pcm, Samples


class Conformer:
    """Maps channels, applies the volume, resamples, and sets the sample type.

    Does nothing at all to blocks that are already right: PCM on its way to a
    willing device passes as the view of the received bytes that it is. The
    resampler (libswresample by way of PyAV) is loaded only where rates differ,
    and keeps its filter's state from block to block; `flush` gives what is left
    in it. One thread at a time.
    """

    def __init__(self, target: AudioFormat, volume: float = 1.0) -> None:
        self._target = target
        self._volume = volume
        self._resampler: Any = None
        self._resampling_from: AudioFormat | None = None

    def convert(self, pcm: Pcm) -> list[Samples]:
        """One block in the target's format, in zero or more pieces."""
        pieces: list[Samples] = []
        source = AudioFormat(pcm.rate_hz, self._target.channels, self._target.sample_type)
        if source != self._resampling_from:
            pieces += self.flush()
        samples = self._typed(self._louder(self._mapped(pcm.samples)))
        if pcm.rate_hz == self._target.rate_hz:
            return [*pieces, samples]
        return pieces + self._resampled(samples, source)

    def flush(self) -> list[Samples]:
        """What the resampler still holds."""
        if self._resampler is None:
            return []
        pieces = [self._from_frame(frame) for frame in self._resampler.resample(None)]
        self._resampler = self._resampling_from = None
        return pieces

    def _mapped(self, samples: Samples) -> Samples:
        channels, wanted = samples.shape[1], self._target.channels
        if channels == wanted:
            return samples
        if channels == 1:
            return np.repeat(samples, wanted, axis=1)
        # Downmix: the mean keeps full scale within full scale. Upmix of more than
        # one channel: those that exist, then silence.
        if wanted == 1:
            mean: Samples = to_float32(samples).mean(axis=1, keepdims=True, dtype=np.float32)
            return mean
        mapped = np.zeros((samples.shape[0], wanted), samples.dtype)
        shared = min(channels, wanted)
        mapped[:, :shared] = samples[:, :shared]
        return mapped

    def _louder(self, samples: Samples) -> Samples:
        if self._volume == 1.0:
            return samples
        louder: Samples = np.clip(to_float32(samples) * np.float32(self._volume), -1.0, 1.0)
        return louder

    def _typed(self, samples: Samples) -> Samples:
        if self._target.sample_type == "int16":
            return to_int16(samples)
        return to_float32(samples)

    def _resampled(self, samples: Samples, source: AudioFormat) -> list[Samples]:
        import av  # noqa: PLC0415  only where rates differ

        kind = "s16" if source.sample_type == "int16" else "flt"
        layout = "mono" if source.channels == 1 else "stereo"
        if source.channels > 2:  # noqa: PLR2004  libav names only common layouts
            layout = f"{source.channels}c"
        if self._resampler is None:
            self._resampler = av.AudioResampler(kind, layout, self._target.rate_hz)
            self._resampling_from = source
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format=kind, layout=layout)
        frame.sample_rate = source.rate_hz
        return [self._from_frame(out) for out in self._resampler.resample(frame)]

    def _from_frame(self, frame: Any) -> Samples:
        samples: Samples = frame.to_ndarray().reshape(-1, self._target.channels)
        return samples
