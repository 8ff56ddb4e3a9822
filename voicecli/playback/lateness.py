"""Tell a device that was silent from one whose clock drifts; pure."""

from __future__ import annotations

from collections import deque

_PIECE_S = 0.01
_DRIFT_S = 0.001
"""Devices do not report differences below this."""


class Lateness:
    """Follows how much later than recorded a device plays, as of each write.

    A device reports what it holds in steps, and late: so a figure may be too high, and never
    too low, and the least of some in a row is right. The device's crystal and the computer's
    clock differ by about 50 ppm, 0.2 s an hour, so the least drifts. If it jumps, the device
    was silent: for ``least_gap_s`` at least, half a step of a device that buffers
    ``latency_s``. Two such buffers are looked at together, which are ``window`` pieces.
    """

    def __init__(self, latency_s: float) -> None:
        self.least_gap_s = latency_s / 8
        self.window = max(2, round(2 * latency_s / _PIECE_S))
        self._recent: deque[float] = deque(maxlen=self.window)
        self.is_settled = False

    def restart(self) -> None:
        """Start over after a gap: the device may play later than it said."""
        self._recent.clear()
        self.is_settled = False

    def forget(self) -> None:
        """Drop the figures so far."""
        self._recent.clear()

    def add(self, late_s: float) -> float:
        """Add a figure; return how much later than recorded the device is by now, else 0.

        The caller records that, so that it does not show in later figures. Until
        ``is_settled``, it is not a silence, but how late the device is from the start.
        """
        self._recent.append(late_s)
        if len(self._recent) < self.window:
            return 0.0
        least_s = min(self._recent)
        if self.is_settled and abs(least_s) < _DRIFT_S:
            return 0.0
        self.is_settled = True
        self._recent.clear()
        return least_s
