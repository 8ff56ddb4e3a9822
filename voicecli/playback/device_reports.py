"""What a device's reports prove: silences that nothing else shows, lost audio, a drifting clock.

A device says when it will play a piece, or what it holds; and sometimes that it ran empty.
These reports are late, coarse, and wrong for a while after the device stood still.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from voicecli.playback.lateness import Lateness

if TYPE_CHECKING:
    from voicecli.playback.timeline import Timeline

_REPORTED_WITHIN = 5
"""A device may report a gap up to this many pieces after it."""

_CORRECTED_WITHIN_S = 0.5
"""After it ran empty, a device may take this long to report how late it is."""

_MISREPORTS_S = 0.3
"""After it stood still, a device reports too little for as long as it stood, and this."""

_REPEATED_WITHIN_S = 0.005
"""A device that was restarted asks for the next piece at once."""

_LATE_START_S = 0.015
"""Longer than any device takes to continue after a gap."""

_MIN_STARVED_S = 0.01
"""A shorter silence between the first pieces may also be a late start."""


class DeviceReports:
    """Corrects a timeline by the reports of its device, which buffers ``latency_s``.

    For the thread that feeds the device: nothing here blocks, locks or raises.
    """

    def __init__(self, timeline: Timeline, rate_hz: int, latency_s: float) -> None:
        self._timeline = timeline
        self._rate_hz = rate_hz
        self._lateness = Lateness(latency_s)
        self._settling_s = 2 * latency_s + _LATE_START_S
        self._settled_at = inf
        self._follows_gap = False
        self._judged_at = -inf
        self._reliable_at = -inf  # when its reports can be trusted again, after a gap
        self._piece = 0  # frames of the last one
        self._pieces = 0  # number of pieces since the start, or the last gap
        self._supplied_until = -inf  # when the device will have played what it was given
        self._starved_s = 0.0  # silence between its very first pieces, which it does not report
        self._frames_since = 0  # frames handed over since then
        self._was_dry = False  # whether it was empty when it was given the last piece

    def handed_over(
        self, frames: int, now: float, *, has_gap: bool, asked_at: float = -inf
    ) -> None:
        """Note that the device was given a piece, after a gap that is recorded already.

        A device plays at once what it is given first, and asks for more, which it did at
        ``asked_at``. One that is far away may have played it all before more arrives.
        """
        self._piece = frames
        self._pieces += 1
        if has_gap or self._settled_at == inf:
            self._reliable_at = -inf
            self._pieces, self._follows_gap = 0, has_gap
            self._settled_at = now + self._settling_s
            self._supplied_until, self._starved_s, self._frames_since = asked_at, 0.0, 0
        starved_s = asked_at - self._supplied_until
        is_at_start = not self._follows_gap and self._pieces <= _REPORTED_WITHIN
        if is_at_start and not self._starved_s and starved_s > _MIN_STARVED_S:
            self._starved_s = starved_s
        self._supplied_until = max(self._supplied_until, asked_at) + frames / self._rate_hz
        self._frames_since += frames if self._starved_s else 0

    def dropped_frames(self, now: float, *, underflowed: bool) -> int:
        """Return the length of the last piece if the device has dropped it, else 0.

        Call it before each piece; the device would play that at ``now``. ALSA refuses a piece if
        it notices just then that it ran dry, and PortAudio goes on with the next one, after a
        restart that it reports. So the last piece was lost if the device was dry before it, had
        not reported that, and asks again before it could have played half of it.
        """
        was_dry, self._was_dry = self._was_dry, False
        is_at_once = abs(now - self._judged_at) < self._piece / self._rate_hz / 2
        return self._piece if underflowed and was_dry and is_at_once else 0

    def judge(self, late_s: float, now: float, *, underflowed: bool) -> None:
        """Take the device's report that it plays the last piece ``late_s`` later than recorded.

        ``underflowed``: it also reports that it ran empty.
        """
        before_s = self._lateness.before_s
        has_jumped = self._lateness.has_jumped(late_s)
        is_at_once = now - self._judged_at < _REPEATED_WITHIN_S
        self._judged_at = now
        is_after_gap = self._follows_gap and self._pieces <= _REPORTED_WITHIN
        has_run_dry = late_s - before_s > self._lateness.least_gap_s
        self._was_dry = has_run_dry and not (underflowed or is_after_gap)
        if is_after_gap:
            # The gap is recorded; the device only says how much longer it was.
            if late_s > (0.0 if underflowed and self._pieces else _LATE_START_S):
                self._timeline.extend_gap(late_s)
        elif underflowed and late_s > self._lateness.least_gap_s:
            self._timeline.postpone(self._piece, late_s)
            self._move(0.0, now)
        elif underflowed and is_at_once and self._is_held(now):
            self._move(late_s, now)
        elif has_jumped:
            # It stood still and did not say so: no figure is that wrong.
            self._timeline.postpone(self._piece, late_s)
            self._move(0.0, now + late_s + _MISREPORTS_S)
        elif now >= self._settled_at and not self._is_held(now):
            self._follow(late_s, now)
        if now < self._settled_at:
            self._lateness.restart()

    def _settle(self, late_s: float) -> None:
        """Follow a device that began later than it reported, or ran empty after its first piece."""
        starved_s, self._starved_s = min(self._starved_s, late_s), 0.0
        if starved_s <= _MIN_STARVED_S:
            self._timeline.shift(late_s)
            return
        self._timeline.shift(late_s - starved_s)
        self._timeline.postpone(self._frames_since, starved_s)

    def _is_held(self, now: float) -> bool:
        return now < self._reliable_at

    def _move(self, late_s: float, reliable_at: float) -> None:
        """Follow the device after a gap; its reports are right from ``reliable_at`` on."""
        self._timeline.shift(late_s)
        self._lateness.forget()
        self._reliable_at = reliable_at

    def _follow(self, late_s: float, now: float) -> None:
        """Follow a device by its figures, none of which alone proves anything."""
        lateness, was_settled = self._lateness, self._lateness.is_settled
        moved_s = lateness.add(late_s, self._piece / self._rate_hz)
        if not moved_s:
            return
        span_s = lateness.span_s
        is_correction = now - span_s - self._reliable_at < _CORRECTED_WITHIN_S
        if not was_settled:
            self._settle(moved_s)
        elif abs(moved_s) <= lateness.least_gap_s:
            self._timeline.shift(moved_s)
        elif is_correction:
            self._timeline.extend_gap(moved_s)
            self._reliable_at = now
        elif moved_s > 0:
            self._timeline.postpone(round(span_s * self._rate_hz), moved_s)
        else:
            self._timeline.shift(moved_s)
        lateness.forget()
