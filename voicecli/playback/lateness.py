"""Distinguish a device that was silent from one whose clock drifts; pure."""

from __future__ import annotations

from collections import deque
from math import inf

_DRIFT_S = 0.001
"""Devices do not report differences below this."""

_CERTAIN_S = 0.04
"""A single figure is wrong by no more than what the device holds, and this."""

_ROUNDING_S = 1e-6


class Lateness:
    """Follows how much later than recorded a device plays, as of each piece it is given.

    A device reports what it holds in steps, and late: so a figure may be too high, and the
    least of some in a row is right. The device's crystal and the computer's clock differ by
    about 50 ppm, 0.2 s an hour, so the least drifts. If it jumps, the device was silent: for
    ``least_gap_s`` at least, half a step of a device that buffers ``latency_s``. Two such
    buffers are looked at together.
    """

    def __init__(self, latency_s: float) -> None:
        self.least_gap_s = latency_s / 8
        self._window_s = 2 * latency_s - _ROUNDING_S
        self._jump_s = latency_s + _CERTAIN_S
        self._recent: deque[tuple[float, float]] = deque()  # length of a piece, figure
        self.before_s = inf
        """The last figure given to `has_jumped`, above 0."""
        self.span_s = 0.0
        """Length of the pieces whose figures are looked at."""
        self.is_settled = False

    def restart(self) -> None:
        """Start over after a gap: the device may play later than it said."""
        self._clear()
        self.is_settled = False

    def forget(self) -> None:
        """Drop the figures so far, which were recorded."""
        self._clear()
        self.before_s = 0.0

    def _clear(self) -> None:
        self._recent.clear()
        self.span_s = 0.0

    def has_jumped(self, late_s: float) -> bool:
        """Return whether a figure alone proves a silence, compared with the one before."""
        before_s, self.before_s = self.before_s, max(0.0, late_s)
        return late_s - before_s > self._jump_s

    def add(self, late_s: float, piece_s: float) -> float:
        """Add a figure; return how much later than recorded the device is by now, else 0.

        The device has been so since the piece ``span_s`` ago. The caller records that, so
        that it does not show in later figures, and calls `forget`. Until ``is_settled``, it
        is not a silence, but how late the device is from the start.
        """
        self._recent.append((piece_s, late_s))
        self.span_s += piece_s
        while self.span_s - self._recent[0][0] >= self._window_s:
            self.span_s -= self._recent.popleft()[0]
        if self.span_s < self._window_s:
            return 0.0
        least_s = min(figure for _, figure in self._recent)
        if self.is_settled and abs(least_s) < _DRIFT_S:
            return 0.0
        self.is_settled = True
        return least_s
