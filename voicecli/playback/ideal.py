"""A perfect device under a policy; pure. The core of `NullSink` and of policy simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.playback.policy import Gate
from voicecli.playback.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.playback.policy import Policy


class IdealPlayer:
    """Holds frames until the policy releases them; they are then heard at once and steadily.

    Times are clock seconds and never go back. Nothing runs in between: every
    method first calls `catch_up`, which does what became due. ``on_level`` gets
    the level of the buffer before and after each arrival. Not locked.
    """

    def __init__(
        self, rate_hz: int, policy: Policy, on_level: Callable[[float], None] | None = None
    ) -> None:
        self._rate_hz = rate_hz
        self._on_level = on_level
        self._waiting_frames = 0
        self._waiting_since = 0.0
        self._input_ended = False
        self._is_awaited = False  # the frames that wait end a wait for text
        self.gate = Gate(policy)
        self.timeline = Timeline(rate_hz)

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that were not released yet."""
        return self._waiting_frames / self._rate_hz

    def arrive(self, frames: int, now: float) -> None:
        """Add frames that can be played from now on."""
        self.catch_up(now)
        starved_at = self.timeline.starved_at
        if self.gate.is_awaiting and starved_at is not None and now >= starved_at:
            self._is_awaited = True
        self._waiting_frames += frames
        self._waiting_since = now
        self.gate.arrived(now, frames / self._rate_hz)
        self.catch_up(now)

    def await_input(self, now: float) -> None:
        """Release everything: more will arrive, but not yet."""
        self.catch_up(now)
        self.gate.await_input()
        self._waiting_since = now
        self.catch_up(now)

    def end(self, now: float) -> None:
        """End the input: nothing follows."""
        self.catch_up(now)
        self._input_ended = True
        self._waiting_since = now
        self.catch_up(now)

    def catch_up(self, now: float) -> None:
        """Release what was due by ``now``, at the time it was due."""
        if not self._waiting_frames:
            return
        starved_at = self.timeline.starved_at
        at = max(self._due_at(starved_at, now), self._waiting_since)
        if at > now:
            return
        if starved_at is None:
            self.gate.released_at = at
        else:
            self._sample(at)
        self.timeline.push(self._waiting_frames, at, is_awaited=self._is_awaited)
        self._waiting_frames, self._is_awaited = 0, False
        self._sample(at)

    def _due_at(self, starved_at: float | None, now: float) -> float:
        thresholds, released = self.gate.thresholds, self._input_ended or self.gate.is_awaiting
        if starved_at is None:
            return thresholds.starts_at(self.waiting_s, input_ended=released)
        if now < starved_at:
            return now
        if self._is_awaited:
            return max(starved_at, thresholds.starts_at(self.waiting_s, input_ended=released))
        pauses = len(self.timeline.underruns)
        return starved_at + thresholds.resumes_after(self.waiting_s, pauses, input_ended=released)

    def _sample(self, at: float) -> None:
        if self._on_level is not None and not self._input_ended:
            self._on_level(self.timeline.buffered_s(at))
