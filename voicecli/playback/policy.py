"""When sound may start, and when it may resume after a gap; pure.

A `Policy` turns what is known about the arrivals into immutable `Thresholds`;
`voicecli.playback.gate` applies it to a sink.

The start is decided by *time*: sound plays without a gap if it starts at least
``needed_prebuffer`` after the first arrival (see `voicecli.playback.arrivals`).
An amount of audio says nothing about a server that first bursts and then stalls.
After a gap nothing is left of the past, so an *amount* is refilled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.playback.arrivals import Progress

CAPACITY_S = 30.0
"""Seconds of audio that are buffered before backpressure reaches the socket."""


class Thresholds(NamedTuple):
    """What is needed before sound starts or resumes, in seconds of audio.

    ``not_before`` is the clock's earliest time of the first sound. ``pause_s`` is the
    least length of a pause: a gap of some milliseconds sounds like a click. ``resume_s``
    doubles with every earlier pause, up to ``most_s``.
    """

    start_s: float
    resume_s: float
    not_before: float = -inf
    pause_s: float = 0.0
    most_s: float = 0.0

    def starts_at(self, buffered_s: float, *, input_ended: bool) -> float:
        """Return the clock's time at which sound may start; ``inf`` while it may not.

        It starts at once at the end of input, and never if nothing is buffered.
        """
        if buffered_s <= 0:
            return inf
        if input_ended:
            return -inf
        return self.not_before if buffered_s >= self.start_s else inf

    def resumes_after(self, buffered_s: float, pauses: int, *, input_ended: bool) -> float:
        """Return how long a gap must be before sound resumes; ``inf`` while it may not.

        ``pauses`` is the number of earlier ones. Sound resumes at once at the end of
        input, and never if nothing is buffered.
        """
        if buffered_s <= 0:
            return inf
        if input_ended:
            return 0.0
        refill_s = max(self.resume_s, min(self.most_s, self.resume_s * 2.0**pauses))
        return self.pause_s if buffered_s >= refill_s else inf


class Policy(Protocol):
    """A pure function from what has arrived, and what past runs needed, to thresholds."""

    @property
    def capacity_s(self) -> float:
        """Seconds of audio a sink must have room for; no threshold may be above it."""
        return CAPACITY_S

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:
        """Return the thresholds after the arrivals so far; None means before the first.

        ``ahead_s`` is how long before it is heard a device asks for a frame.
        """

    def with_history(self, history: Sequence[float]) -> Policy:  # noqa: ARG002  not all learn
        """Return the policy for what past runs needed, in seconds, newest last."""
        return self


@dataclass(frozen=True, slots=True)
class BufferPolicy(Policy):
    """Fixed thresholds, in seconds of buffered audio.

    A larger ``start_s`` delays the first sound and avoids gaps. ``resume_s`` is refilled
    before sound resumes, so that one stall makes one clean pause and not a stutter.
    """

    start_s: float = 0.1
    resume_s: float = 0.1

    @classmethod
    def fixed(cls, buffer_s: float) -> BufferPolicy:
        """Use the same threshold for start and resumption."""
        return cls(buffer_s, buffer_s)

    @property
    def capacity_s(self) -> float:
        """Seconds of audio a sink must have room for; no threshold may be above it."""
        return max(CAPACITY_S, 2 * self.start_s, 2 * self.resume_s)

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:  # noqa: ARG002
        """Return the fixed thresholds."""
        return Thresholds(self.start_s, self.resume_s)


TAKEN_AT_START = 1.25
"""What a device takes when it starts, in latencies: its buffer, and the first block after it."""

QUANTILE = 0.9
"""Share of the past runs, by weight, that would have had no gap: outliers do not count."""

HALF_LIFE_RUNS = 8.0
"""Number of later runs after which a run weighs half as much."""

RUNS_TO_TRUST = 3
"""Number of runs after which history replaces caution."""

_MIN_KNOWN_S = 0.12
"""Audio that says something about a server that sends small pieces."""

_MAX_GUESSED_S = 0.12
"""Longest wait for an unknown server whose first piece is enough to start with."""

JITTER_S = 0.02
"""Lateness below this comes from the machine itself, and is ignored."""


@dataclass(frozen=True, slots=True)
class AdaptivePolicy(Policy):
    """Starts with little audio if that is safe, and waits if this run or past runs say so.

    ``history`` is `Gate.needed_s` of past runs of the same kind, newest last. The other
    fields are settings; the simulation in `voicecli.bench.components.policy` shows their
    effects.

    - ``start_s``: audio that is needed in any case.
    - ``unsure_s``: wait if nothing is known yet and audio comes hardly faster than
      it is played; none if it comes at least ``sure_rate`` times as fast.
    - ``late_s``: wait this long before anything is known at all, until the pieces in hand
      would outlast such a lateness of the next one, or there are ``few_s`` of audio.
    - ``safety``: the wait is this many times what was needed.
    - ``most_wait_s``: the longest wait.
    - ``refill_s``, ``most_refill_s``: what the first pause refills, and the last.
    - ``pause_s``: the least length of a pause.
    - ``chunk_s``: audio needed in addition to what a device takes ahead, because it
      arrives in chunks, at a speed that is not known so early.
    """

    history: tuple[float, ...] = ()
    start_s: float = 0.06
    unsure_s: float = 0.2
    sure_rate: float = 1.5
    late_s: float = 0.085
    few_s: float = 0.4
    safety: float = 1.5
    most_wait_s: float = 1.0
    refill_s: float = 0.4
    most_refill_s: float = 3.2
    pause_s: float = 0.12
    chunk_s: float = 0.024

    def with_history(self, history: Sequence[float]) -> AdaptivePolicy:
        """Return the policy for what past runs needed, in seconds, newest last."""
        return replace(self, history=tuple(history))

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:
        """Return the thresholds; the wait counts from the first arrival."""
        if progress is None:
            return Thresholds(self.start_s, self.refill_s)
        wait_s = min(self.most_wait_s, max(self.learned_s, self._guessed_s(progress)))
        taken_s = TAKEN_AT_START * ahead_s
        start_s = max(self.start_s, taken_s + self.chunk_s if ahead_s else 0.0)
        start_after_s = wait_s + ahead_s if wait_s else -inf
        if ahead_s:
            # What the device takes at once must not be all there is until the next piece.
            needed_s = progress.next_needed_s
            if self.history and start_s <= progress.first_s:
                needed_s = max(needed_s, self._needed_s)
            start_after_s = max(start_after_s, min(self.most_wait_s, needed_s + taken_s))
        return Thresholds(
            start_s=start_s,
            resume_s=self.refill_s,
            not_before=progress.first_at + start_after_s,
            pause_s=self.pause_s,
            most_s=self.most_refill_s,
        )

    @property
    def learned_s(self) -> float:
        """Wait that would have been enough for nearly all past runs."""
        if self._needed_s <= JITTER_S:
            return 0.0
        return min(self.most_wait_s, self._needed_s * self.safety + JITTER_S)

    @property
    def _needed_s(self) -> float:
        return _needed_by_most(self.history)

    def _guessed_s(self, progress: Progress) -> float:
        """Return the wait that this run's own arrivals suggest: what was late once may be again."""
        lateness_s = progress.needed_s * self.safety if progress.needed_s > JITTER_S else 0.0
        doubt = max(0.0, 1 - len(self.history) / RUNS_TO_TRUST)
        slowness = min(1.0, max(0.0, (self.sure_rate - progress.rate) / (self.sure_rate - 1)))
        guessed_s = lateness_s + doubt * slowness * self.unsure_s
        if not doubt:
            return guessed_s
        enough_s = min(self.few_s, max(_MIN_KNOWN_S, progress.first_s + self.late_s))
        if progress.audio_s < enough_s:
            guessed_s = max(guessed_s, doubt * self.late_s)
        # Only its first piece is certain to have been on time.
        return min(guessed_s, _MAX_GUESSED_S) if progress.first_s >= self.start_s else guessed_s


@lru_cache(maxsize=32)
def _needed_by_most(history: tuple[float, ...]) -> float:
    """Return what nearly all past runs needed; it is asked for at each arrival."""
    return recent_quantile(history, QUANTILE, HALF_LIFE_RUNS)


def recent_quantile(values: Sequence[float], quantile: float, half_life: float) -> float:
    """Return a quantile that weighs recent values most; 0 if there are none.

    It is the least value that has at least ``quantile`` of all weight at or below it.
    """
    newest = len(values) - 1
    weighed = sorted((value, 0.5 ** ((newest - i) / half_life)) for i, value in enumerate(values))
    enough = quantile * sum(weight for _, weight in weighed)
    below = 0.0
    for value, weight in weighed:
        below += weight
        if below >= enough:
            return value
    return weighed[-1][0] if weighed else 0.0
