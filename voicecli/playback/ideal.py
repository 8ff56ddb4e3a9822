"""A perfect device under a policy; pure. The core of `NullSink` and of policy simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.playback.gate import Gate
from voicecli.playback.timeline import Silence, Timeline

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
        self._waiting_frames = 0  # if negative, this many of the next frames are left out
        self._waiting_since = 0.0
        self._input_ended = False
        self._is_awaited = False  # the frames that wait end a wait for text
        self._is_skipping = False  # or a silence that the listener made
        self._is_cut_by_pause = False
        self._paused_at: float | None = None
        self._paused_s = 0.0  # total length of pauses that are over
        self._recorded_s = 0.0  # how much of that is in the timeline
        self.gate = Gate(policy)
        self.timeline = Timeline(rate_hz)

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that were not released yet."""
        return max(0, self._waiting_frames) / self._rate_hz

    @property
    def is_paused(self) -> bool:
        """Whether nothing is released."""
        return self._paused_at is not None

    @property
    def written(self) -> int:
        """Frames that have arrived."""
        return self.timeline.next_position + self._waiting_frames

    def arrive(self, frames: int, now: float) -> None:
        """Add frames that can be played from now on."""
        self.catch_up(now)
        starved_at = self.timeline.starved_at
        if self.gate.is_awaiting and starved_at is not None and now >= starved_at:
            self._is_awaited = True
        self._waiting_frames += frames
        self._waiting_since = now
        paused_s = self._paused_s + (0.0 if self._paused_at is None else now - self._paused_at)
        self.gate.arrived(now, frames / self._rate_hz, paused_s)
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

    def pause(self, now: float) -> None:
        """Fall silent at once; what was released and not heard waits again. Idempotent."""
        if self._paused_at is None:
            self._is_cut_by_pause |= self._take_back(now) > 0
            self._paused_at = now

    def resume(self, now: float) -> None:
        """Continue where the pause began; idempotent."""
        if self._paused_at is not None:
            self._paused_s += now - self._paused_at
            self._paused_at, self._waiting_since = None, now
            self.catch_up(now)

    def seek(self, position: int, now: float) -> None:
        """Continue at this frame, which may not have arrived; `written` drops everything."""
        self._take_back(now)
        self._waiting_frames = self.written - position
        self._is_skipping = self._waiting_frames <= 0
        self.timeline.jump(position)
        self._waiting_since = now
        self.catch_up(now)

    def _take_back(self, now: float) -> int:
        self.catch_up(now)
        frames = self.timeline.cut(now)
        self._waiting_frames += frames
        return frames

    def catch_up(self, now: float) -> None:
        """Release what was due by ``now``, at the time it was due."""
        if self._waiting_frames <= 0 or self._paused_at is not None:
            return
        starved_at = self.timeline.starved_at
        at = max(self._due_at(starved_at, now), self._waiting_since)
        if at > now:
            return
        if starved_at is None:
            self.gate.released_at = at if self.gate.released_at is None else self.gate.released_at
        else:
            self._sample(at)
        paused_s, self._recorded_s = self._paused_s - self._recorded_s, self._paused_s
        self.timeline.push(self._waiting_frames, at, silence=self._silence, paused_s=paused_s)
        self._waiting_frames, self._is_awaited = 0, False
        self._is_skipping = self._is_cut_by_pause = False
        self._sample(at)

    @property
    def _silence(self) -> Silence:
        """The kind of silence that ends with the frames that wait."""
        if self._is_awaited:
            return Silence.TEXT
        is_chosen = self._is_skipping or self._is_cut_by_pause
        return Silence.PAUSE if is_chosen else Silence.UNDERRUN

    def _due_at(self, starved_at: float | None, now: float) -> float:
        thresholds, released = self.gate.thresholds, self._input_ended or self.gate.is_awaiting
        if starved_at is None:
            return thresholds.starts_at(self.waiting_s, input_ended=released)
        if now <= starved_at:
            return now
        if self._is_awaited or self._is_skipping:
            return max(starved_at, thresholds.starts_at(self.waiting_s, input_ended=released))
        if self._is_cut_by_pause:
            return now
        pauses = len(self.timeline.silences[Silence.UNDERRUN])
        return starved_at + thresholds.resumes_after(self.waiting_s, pauses, input_ended=released)

    def _sample(self, at: float) -> None:
        if self._on_level is not None and not self._input_ended:
            self._on_level(self.timeline.buffered_s(at))
