"""From the rate that is fed to the rate that a codec has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.audio import Samples

LEAST_RATE_HZ, MOST_RATE_HZ = 1_000, 384_000
"""Rates that are converted; anything beyond is a mistake, not a sound."""


def coded_rate_hz(sample_rate_hz: int, rates_hz: Sequence[int]) -> int:
    """The rate itself, or the codec's next above, or its highest.

    Raises:
        ConfigError: no rate of sound.
    """
    if not LEAST_RATE_HZ <= sample_rate_hz <= MOST_RATE_HZ:
        raise ConfigError(
            f"cannot encode samples at {sample_rate_hz} Hz",
            remedy=f"the rate is in Hz, from {LEAST_RATE_HZ} to {MOST_RATE_HZ}",
        )
    return min((rate for rate in rates_hz if rate >= sample_rate_hz), default=max(rates_hz))


class RateConverter:
    """Resamples float32 of one or two channels with libswresample; does nothing at equal rates.

    n frames become ``ceil(n * to / from)``, whatever libswresample's filter makes
    of the ends. One thread at a time.
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._from_hz, self._to_hz, self._channels = from_hz, to_hz, channels
        self._layout = "mono" if channels == 1 else "stereo"
        self._taken = self._given = 0
        self._resampler: Any = None
        if from_hz != to_hz:
            self._resampler = av.AudioResampler("flt", self._layout, to_hz)

    def put(self, samples: Samples) -> Iterator[Samples]:
        """Take at least one frame, yield what can be said by now."""
        if self._resampler is None:
            yield samples
            return
        self._taken += samples.shape[0]
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        frame: Any = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate = self._from_hz
        yield from self._out(frame)

    def rest(self) -> Iterator[Samples]:
        """Yield what the filter still holds, cut or filled with silence to the exact length."""
        if not self._taken:
            return
        due = -(-self._taken * self._to_hz // self._from_hz) - self._given
        for samples in self._out(None):
            yield samples[: max(0, due)]
            due -= samples.shape[0]
        if due > 0:
            yield np.zeros((due, self._channels), np.float32)

    def _out(self, frame: Any) -> Iterator[Samples]:
        for out in self._resampler.resample(frame):
            samples: Samples = out.to_ndarray().reshape(-1, self._channels)
            self._given += samples.shape[0]
            yield samples
