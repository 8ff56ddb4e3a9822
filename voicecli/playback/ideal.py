"""What a perfect device makes of arrivals under a policy; pure.

The core of `NullSink`, and what the simulation of policies drives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.playback.policy import Gate
from voicecli.playback.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.playback.policy import Policy


class IdealPlayer:
    """Frames wait until the policy lets them go, and are heard at once and steadily.

    Times are clock seconds and never go back. Nothing wakes it: whatever is
    asked, `catch_up` comes first, which does what was due since. ``on_level`` is
    called with every level of the buffer that is worth a sample. Not locked.
    """

    def __init__(
        self, rate_hz: int, policy: Policy, on_level: Callable[[float], None] | None = None
    ) -> None:
        self._rate_hz = rate_hz
        self._on_level = on_level
        self._waiting_frames = 0
        self._waiting_since = 0.0
        self._input_ended = False
        self.gate = Gate(policy)
        self.timeline = Timeline(rate_hz)

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that were not let go yet."""
        return self._waiting_frames / self._rate_hz

    def arrive(self, frames: int, now: float) -> None:
        """Frames are there to be played."""
        self.catch_up(now)
        self._waiting_frames += frames
        self._waiting_since = now
        self.gate.arrived(now, frames / self._rate_hz)
        self.catch_up(now)

    def end(self, now: float) -> None:
        """Nothing follows."""
        self.catch_up(now)
        self._input_ended = True
        self._waiting_since = now
        self.catch_up(now)

    def catch_up(self, now: float) -> None:
        """Let go what may be heard by ``now``, as of when it might."""
        if not self._waiting_frames:
            return
        dry_at = self.timeline.dry_at
        at = max(self._due_at(dry_at, now), self._waiting_since)
        if at > now:
            return
        if dry_at is None:
            self.gate.released_at = at
        else:
            self._sample(at)
        self.timeline.push(self._waiting_frames, at)
        self._waiting_frames = 0
        self._sample(at)

    def _due_at(self, dry_at: float | None, now: float) -> float:
        thresholds, ended = self.gate.thresholds, self._input_ended
        if dry_at is None:
            return thresholds.starts_at(self.waiting_s, input_ended=ended)
        if now < dry_at:
            return now
        pauses = len(self.timeline.underruns)
        return dry_at + thresholds.resumes_after(self.waiting_s, pauses, input_ended=ended)

    def _sample(self, at: float) -> None:
        """Before and after each arrival: the valleys and the peaks of the level."""
        if self._on_level is not None and not self._input_ended:
            self._on_level(self.timeline.buffered_s(at))
