"""Loudness and silence of a clip, measured while it is written.

pydub would measure whole clips only, which is gigabytes for hours of speech.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.onset import THRESHOLD_RMS
from voicecli.audio.pcm import INT16_FULL_SCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicecli.audio.pcm import Samples

WINDOW_MS = 10

_SILENT_POWER = (INT16_FULL_SCALE * THRESHOLD_RMS) ** 2
"""A window with less power is silent; the onset in the metrics has the same limit."""


class LoudnessMeter:
    """Measures int16 blocks of shape (frames, channels); its memory does not grow."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._rate_hz = rate_hz
        self._channels = channels
        self._frames = 0
        self._peak = 0
        self._energy = 0.0
        self._rest = np.zeros(0)  # energies of the frames of a window that is not complete
        self._windows = 0
        self._loud: tuple[int, int] | None = None  # the first and the last loud window

    def feed(self, block: Samples) -> None:
        """Measure the next block."""
        if not block.size:
            return
        self._frames += block.shape[0]
        self._peak = max(self._peak, int(block.max()), -int(block.min()))
        energies = np.square(block.astype(np.float64)).sum(axis=1)
        self._energy += float(energies.sum())
        energies = np.concatenate([self._rest, energies])
        begin = self._begin_of(self._windows)
        complete = (self._frames * 1000) // (self._rate_hz * WINDOW_MS) - self._windows
        edges = [self._begin_of(self._windows + i) - begin for i in range(complete + 1)]
        self._take_windows(energies, edges)
        self._rest = energies[edges[-1] :].copy()

    def result(self) -> dict[str, float | None]:
        """Return what was measured.

        That is ``duration_s``, ``peak_dbfs``, ``loudness_dbfs`` (RMS of the whole clip,
        unweighted), ``leading_silence_ms`` and ``trailing_silence_ms``, both counted in
        windows of `WINDOW_MS` from the start. 0 dBFS is the magnitude 32768. The level
        of digital silence is None, as JSON has no infinity. A silent clip is all leading
        and all trailing silence.
        """
        if self._rest.size:
            self._take_windows(self._rest, [0, self._rest.size])
            self._rest = self._rest[:0]
        duration_ms = round(1000 * self._frames / self._rate_hz)
        leading_ms = trailing_ms = duration_ms
        if self._loud is not None:
            first, last = self._loud
            leading_ms = first * WINDOW_MS
            trailing_ms = max(0, duration_ms - (last + 1) * WINDOW_MS)
        power = self._energy / max(1, self._frames * self._channels)
        return {
            "duration_s": self._frames / self._rate_hz,
            "peak_dbfs": _dbfs(self._peak),
            "loudness_dbfs": _dbfs(math.sqrt(power)),
            "leading_silence_ms": float(leading_ms),
            "trailing_silence_ms": float(trailing_ms),
        }

    def _begin_of(self, window: int) -> int:
        return window * WINDOW_MS * self._rate_hz // 1000

    def _take_windows(self, energies: NDArray[np.float64], edges: list[int]) -> None:
        if len(edges) < 2:  # noqa: PLR2004  the two edges of a window
            return
        powers = np.add.reduceat(energies[: edges[-1]], edges[:-1])
        powers /= np.diff(edges) * self._channels
        loud = np.flatnonzero(powers >= _SILENT_POWER) + self._windows
        if loud.size:
            first = int(loud[0]) if self._loud is None else self._loud[0]
            self._loud = first, int(loud[-1])
        self._windows += len(edges) - 1


def _dbfs(magnitude: float) -> float | None:
    return round(20 * math.log10(magnitude / INT16_FULL_SCALE), 2) if magnitude else None
