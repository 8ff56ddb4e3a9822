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
    in it. A stretch shorter than the filter, 3 ms, does not come out of it.
    One thread at a time.
    """

    def __init__(self, target: AudioFormat, volume: float = 1.0) -> None:
        self._target = target
        self._volume = volume
        self._resampler: Any = None
        self._resampling_from_hz: int | None = None

    def convert(self, pcm: Pcm) -> list[Samples]:
        """One block in the target's format, in zero or more pieces."""
        pieces = [] if pcm.rate_hz == self._resampling_from_hz else self.flush()
        samples = self._typed(self._louder(self._mapped(pcm.samples)))
        if pcm.rate_hz == self._target.rate_hz:
            return [*pieces, samples]
        return pieces + self._resampled(samples, pcm.rate_hz)

    def flush(self) -> list[Samples]:
        """What the resampler still holds."""
        if self._resampler is None:
            return []
        pieces = [self._from_frame(frame) for frame in self._resampler.resample(None)]
        self._resampler = self._resampling_from_hz = None
        return pieces

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

    def _resampled(self, samples: Samples, rate_hz: int) -> list[Samples]:
        import av  # noqa: PLC0415  only where rates differ

        kind = "s16" if self._target.sample_type == "int16" else "flt"
        layout = f"{self._target.channels}c"
        if self._resampler is None:
            self._resampler = av.AudioResampler(kind, layout, self._target.rate_hz)
            self._resampling_from_hz = rate_hz
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format=kind, layout=layout)
        frame.sample_rate = rate_hz
        return [self._from_frame(out) for out in self._resampler.resample(frame)]

    def _from_frame(self, frame: Any) -> Samples:
        samples: Samples = frame.to_ndarray().reshape(-1, self._target.channels)
        return samples
