"""Record which frame of a sink is heard when, and every silence between them; pure.

Audio handed over in pieces plays without a gap as long as each piece is handed over before
the one before it has ended. So everything follows from when the pieces are heard. A
"position" is a frame's number in what was written to the sink; a sink that goes back hears
positions again, one that skips never hears some.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from voicecli.playback.base import SinkReport, Underrun

if TYPE_CHECKING:
    from voicecli.playback.gate import Gate
    from voicecli.playback.levels import BufferLevels

_MAX_RUNS = 16
"""Number of runs kept: a device asks for fewer than this ahead."""


_SAME_GAP_S = 0.015
"""Gaps of a late device that are this close count as one: the pieces between were late too."""

_MIN_GAP_S = 0.005
"""What a correction leaves of a gap that was none may be this long."""


class Silence(Enum):
    """Why nothing was heard: no audio, a late device, no text, or a pause on request."""

    UNDERRUN = auto()
    DEVICE = auto()
    TEXT = auto()
    PAUSE = auto()


class _Run(NamedTuple):
    """Frames heard without a break, the first one at ``at``; ``before`` were heard earlier."""

    position: int
    at: float
    frames: int
    before: int

    def heard(self, now: float, rate_hz: int) -> int:
        return max(0, min(self.frames, round((now - self.at) * rate_hz)))


class Timeline:
    """Records pieces of audio against the clock; times in seconds, lengths in frames.

    A piece is heard ``delay_s`` after it was handed over, or after the piece before it,
    whichever is later. One thread records; `position` and `heard` may be called by any.
    """

    def __init__(self, rate_hz: int, *, delay_s: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._delay_s = delay_s
        self._runs: tuple[_Run, ...] = ()  # replaced in one step
        self._silent_until = -inf
        self.next_position = 0
        self.first_sound_at: float | None = None
        self._last_gap: Silence | None = None
        self.silences: dict[Silence, list[Underrun]] = {kind: [] for kind in Silence}

    @property
    def underruns(self) -> list[Underrun]:
        """Gaps from missing audio, and those of a late device, in order."""
        return sorted(
            self.silences[Silence.UNDERRUN] + self.silences[Silence.DEVICE],
            key=lambda gap: gap.began_at or 0.0,
        )

    @property
    def ends_at(self) -> float | None:
        """When the last frame so far will have been heard; None before the first."""
        return None if self.first_sound_at is None else self._ends_at

    @property
    def _ends_at(self) -> float:
        if not self._runs:
            return self._silent_until
        run = self._runs[-1]
        return run.at + run.frames / self._rate_hz

    @property
    def starved_at(self) -> float | None:
        """The time after which a piece comes too late to avoid a gap; None before the first."""
        return None if self.first_sound_at is None else self._ends_at - self._delay_s

    def gap_s(self, now: float) -> float:
        """Return the silence before a piece handed over at ``now``; 0 before the first."""
        if self.first_sound_at is None:
            return 0.0
        return max(0.0, now + self._delay_s - self._ends_at)

    def push_silence(self, frames: int, now: float) -> None:
        """Record silence before the first frame: it takes time but does not count as audio."""
        self._silent_until = max(now + self._delay_s, self._silent_until) + frames / self._rate_hz

    def push(
        self,
        frames: int,
        now: float,
        *,
        silence: Silence = Silence.UNDERRUN,
        paused_s: float = 0.0,
    ) -> bool:
        """Record ``frames`` handed over at ``now``; a gap before them is of the kind ``silence``.

        Up to ``paused_s`` of it is a pause. A device cannot be silent for less than a
        frame, so half of one is not a gap. Returns whether there was a gap.
        """
        heard_at = max(now + self._delay_s, self._ends_at)
        gap_s = 0.0
        if self.first_sound_at is None:
            self.first_sound_at = heard_at
        else:
            gap_s = self._record_gap(heard_at, silence, paused_s)
        self._append(frames, heard_at, is_new=gap_s > 0)
        return gap_s > 0

    def _append(self, frames: int, heard_at: float, *, is_new: bool) -> None:
        runs, position = self._runs, self.next_position
        last = runs[-1] if runs else None
        if last is None or is_new or last.position + last.frames != position:
            before = last.before + last.frames if last is not None else 0
            runs = (*runs[1 - _MAX_RUNS :], _Run(position, heard_at, frames, before))
        else:
            at = heard_at - last.frames / self._rate_hz  # may be later by less than a gap
            runs = (*runs[:-1], last._replace(at=at, frames=last.frames + frames))
        self.next_position = position + frames
        self._runs = runs

    def _record_gap(self, heard_at: float, silence: Silence, paused_s: float) -> float:
        """Record the silence until ``heard_at``; return its length, 0 if there is none."""
        ends_at = self._ends_at
        gap_s = heard_at - ends_at
        if gap_s <= 0.5 / self._rate_hz:
            return 0.0
        paused_s = gap_s if silence is Silence.PAUSE else min(gap_s, paused_s)
        parts = (
            (Silence.PAUSE, ends_at, paused_s),
            (silence, ends_at + paused_s, gap_s - paused_s),
        )
        for kind, began_at, length_s in parts:
            if length_s > 0.5 / self._rate_hz:
                self._add_gap(kind, self.next_position, length_s, began_at)
        return gap_s

    def _add_gap(self, kind: Silence, position: int, length_s: float, began_at: float) -> None:
        gaps, at_s = self.silences[kind], position / self._rate_hz
        if kind is self._last_gap is Silence.DEVICE and at_s - gaps[-1].at_s < _SAME_GAP_S:
            gaps[-1] = replace(gaps[-1], silence_s=gaps[-1].silence_s + length_s)
        else:
            gaps.append(Underrun(at_s, length_s, began_at, kind is Silence.DEVICE))
        self._last_gap = kind

    def late_s(self, held_frames: int, now: float) -> float:
        """Return how much later than recorded a device plays that holds this much at ``now``."""
        return now + self._delay_s + held_frames / self._rate_hz - self._ends_at

    def postpone(self, frames: int, late_s: float) -> None:
        """Record that the device was silent for ``late_s`` before the last ``frames``."""
        run = self._runs[-1]
        before = max(0, run.frames - frames)
        began_at = run.at + before / self._rate_hz
        position = run.position + before
        kept = (run._replace(frames=before),) if before else ()
        late = _Run(position, began_at + late_s, run.frames - before, run.before + before)
        self._runs = (*self._runs[1 - _MAX_RUNS : -1], *kept, late)
        self._add_gap(Silence.DEVICE, position, late_s, began_at)

    def extend_gap(self, late_s: float) -> None:
        """Record that the last gap, if there was one, was ``late_s`` longer, or shorter.

        A gap of which nothing is left was none.
        """
        if self._last_gap is None:
            return
        gaps = self.silences[self._last_gap]
        gap = gaps.pop()
        if gap.silence_s + late_s >= _MIN_GAP_S:
            gaps.append(replace(gap, silence_s=gap.silence_s + late_s))
        else:
            self._last_gap = None
        self.shift(late_s)

    def shift(self, late_s: float) -> None:
        """Follow a device that plays the last pieces ``late_s`` later than recorded."""
        run = self._runs[-1]
        self._runs = (*self._runs[:-1], run._replace(at=run.at + late_s))

    def withdraw(self, frames: int) -> None:
        """Take back the last ``frames`` of the last piece, which were not heard."""
        run = self._runs[-1]
        self._runs = (*self._runs[:-1], run._replace(frames=run.frames - frames))
        self.next_position -= frames

    def cut(self, now: float) -> int:
        """Take back what was recorded and is not heard by ``now``; return its frames."""
        kept = [run._replace(frames=run.heard(now, self._rate_hz)) for run in self._runs]
        taken_back = sum(run.frames for run in self._runs) - sum(run.frames for run in kept)
        heard = [run for run in kept if run.frames or run.before]
        self.next_position = self.position(now)
        self._runs = tuple(heard)
        if not heard:
            self.first_sound_at = None
        return taken_back

    def jump(self, position: int) -> None:
        """Continue at another position after what was recorded so far."""
        self.next_position = position
        if self._runs:
            last = self._runs[-1]
            run = _Run(position, self._ends_at, 0, last.before + last.frames)
            self._runs = (*self._runs[1 - _MAX_RUNS :], run)

    def jumps_to(self, now: float) -> int | None:
        """Return the position of the last `jump`, if nothing behind it is heard at ``now``."""
        *before, last = self._runs or (None,)
        if last is None or last.at <= now or not before:
            return None
        return last.position

    def position(self, now: float) -> int:
        """Return the position that is heard at ``now``."""
        run = self._run_at(now)
        return run.position + run.heard(now, self._rate_hz) if run else self.next_position

    def heard(self, now: float) -> int:
        """Return the number of frames heard by ``now``."""
        run = self._run_at(now)
        return run.before + run.heard(now, self._rate_hz) if run else 0

    def _run_at(self, now: float) -> _Run | None:
        runs = self._runs
        return next((run for run in reversed(runs) if run.at <= now), runs[0] if runs else None)

    def report(self, now: float, levels: BufferLevels, gate: Gate) -> SinkReport:
        """Report what was heard by ``now``."""
        return SinkReport.until(
            now,
            heard_frames=self.heard(now),
            first_sound_at=self.first_sound_at,
            ends_at=self.ends_at,
            underruns=self.underruns,
            text_waits=self.silences[Silence.TEXT],
            pauses=self.silences[Silence.PAUSE],
            levels=levels,
            gate=gate,
        )

    def buffered_s(self, now: float) -> float:
        """Return the seconds handed over and not yet heard, silence in front included."""
        return 0.0 if self.first_sound_at is None else max(0.0, self._ends_at - now)
