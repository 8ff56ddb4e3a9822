"""Where speech begins in decoded audio: the first 10 ms above −40 dBFS; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import to_float32

if TYPE_CHECKING:
    from voicecli.audio.pcm import Pcm

WINDOW_S = 0.010
THRESHOLD_RMS = 0.01
"""−40 dBFS: 10^(−40/20) of full scale."""


class OnsetDetector:
    """Finds the onset as audio streams by, then ignores the rest.

    Windows do not overlap, so the result is a multiple of 10 ms. All channels
    count together.
    """

    def __init__(self) -> None:
        self._power = 0.0
        self._frames = 0
        self._silent_s = 0.0
        self.onset_ms: float | None = None
        """Silence before the speech, in ms; None while there was only silence."""

    def feed(self, pcm: Pcm) -> None:
        """Examine one block."""
        if self.onset_ms is not None:
            return
        import numpy as np  # noqa: PLC0415  metrics load before numpy may

        window = max(1, round(pcm.rate_hz * WINDOW_S))
        powers = np.mean(np.square(to_float32(pcm.samples), dtype=np.float32), axis=1)
        start = 0
        while start < len(powers):
            wanted = max(0, window - self._frames)  # a window begun at a higher rate is full
            part = powers[start : start + wanted]
            self._power += float(part.sum())
            self._frames += len(part)
            start += len(part)
            if self._frames < window:
                return
            if self._power > THRESHOLD_RMS**2 * window:
                self.onset_ms = round(self._silent_s * 1e3, 1)
                return
            self._silent_s += window / pcm.rate_hz
            self._power, self._frames = 0.0, 0
