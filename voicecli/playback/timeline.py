"""Where a stream of frames stands in time when the device consumes them steadily; pure.

Sound that is handed over in pieces plays without a hole as long as each piece
arrives before the one before it has ended. So the whole ledger of a stream that
is written to follows from when its pieces were handed over.
"""

from __future__ import annotations

from voicecli.playback.base import Underrun


class Timeline:
    """Books pieces of sound against the clock; times in seconds, lengths in frames."""

    def __init__(self, rate_hz: int, *, delay_s: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._delay_s = delay_s
        self._frames = 0
        self._ends_at = 0.0
        self.first_sound_at: float | None = None
        self.underruns: list[Underrun] = []

    @property
    def frames(self) -> int:
        """Frames handed over."""
        return self._frames

    @property
    def ends_at(self) -> float | None:
        """When the last frame so far will have been heard; None before the first."""
        return None if self.first_sound_at is None else self._ends_at

    def is_dry(self, now: float) -> bool:
        """Whether all that was handed over has been heard (False before the first)."""
        return self.first_sound_at is not None and now >= self._ends_at

    def push(self, frames: int, now: float) -> None:
        """Book ``frames`` handed over at ``now``; a hole before them becomes an underrun."""
        heard_at = now + self._delay_s
        if self.first_sound_at is None:
            self.first_sound_at = self._ends_at = heard_at
        elif self.is_dry(now):
            hole_s = heard_at - self._ends_at
            self.underruns.append(Underrun(self._frames / self._rate_hz, hole_s))
            self._ends_at = heard_at
        self._frames += frames
        self._ends_at += frames / self._rate_hz

    def position(self, now: float) -> int:
        """Frames heard by ``now``."""
        if self.first_sound_at is None:
            return 0
        ahead_s = max(0.0, self._ends_at - now)
        return max(0, self._frames - round(ahead_s * self._rate_hz))

    def buffered_s(self, now: float) -> float:
        """Seconds of sound handed over and not yet heard."""
        return 0.0 if self.first_sound_at is None else max(0.0, self._ends_at - now)
