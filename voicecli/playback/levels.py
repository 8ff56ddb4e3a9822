"""Statistics of a buffer's level: at the start, the least, the mean; pure."""

from __future__ import annotations


class BufferLevels:
    """Samples of a buffer's level, in seconds of audio; one thread adds, any may read."""

    __slots__ = ("_count", "_total_s", "first_s", "least_s")

    def __init__(self) -> None:
        self.first_s: float | None = None
        self.least_s: float | None = None
        self._total_s = 0.0
        self._count = 0

    def add(self, level_s: float) -> None:
        """Add one sample."""
        if self.first_s is None:
            self.first_s = level_s
        if self.least_s is None or level_s < self.least_s:
            self.least_s = level_s
        self._total_s += level_s
        self._count += 1

    @property
    def mean_s(self) -> float | None:
        """Mean of the samples, None without any."""
        return self._total_s / self._count if self._count else None
