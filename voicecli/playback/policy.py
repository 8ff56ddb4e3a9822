"""When sound may start, and when it may go on after a hole; pure.

A `Policy` turns what is known of the arrivals into `Thresholds`, which are
immutable. A `Gate` is the policy of one sink: the producer tells it of every
arrival, and whoever feeds the device (the audio callback, too) reads the
thresholds that follow, without a lock: it sees the old or the new ones, whole.

Two quantities decide, and each where it is exact. Sound that starts a certain
*time* after the first arrival plays without a hole if that time is the
``needed_prebuffer`` of this timeline (see `voicecli.playback.arrivals`); a mere amount
of audio says nothing of a server that first bursts and then stalls. After a
hole the past is spent, so there an *amount* is refilled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from voicecli.playback.arrivals import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

CAPACITY_S = 30.0
"""Audio taken ahead of the sound before backpressure reaches the socket."""


class Thresholds(NamedTuple):
    """What has to be there before sound is made; seconds of audio, but for the clock's.

    ``not_before`` is the clock's time of the first sound; ``pause_s`` is how
    long a pause lasts at least, as a hole of some ms is a click and not a pause.
    ``resume_s`` doubles with every pause that came before, up to ``most_s``.
    """

    start_s: float
    resume_s: float
    not_before: float = -inf
    pause_s: float = 0.0
    most_s: float = 0.0

    def starts_at(self, buffered_s: float, *, input_ended: bool) -> float:
        """The clock's time from which on the first sound may be made; ``inf`` for not yet.

        Never without anything to hear; at the end of input at once.
        """
        if buffered_s <= 0:
            return inf
        if input_ended:
            return -inf
        return self.not_before if buffered_s >= self.start_s else inf

    def resumes_after(self, buffered_s: float, pauses: int, *, input_ended: bool) -> float:
        """How long a hole has to be before sound goes on; ``inf`` for not yet.

        ``pauses`` counts those before this one. Never without anything to hear;
        at the end of input at once.
        """
        if buffered_s <= 0:
            return inf
        if input_ended:
            return 0.0
        refill_s = max(self.resume_s, min(self.most_s, self.resume_s * 2.0**pauses))
        return self.pause_s if buffered_s >= refill_s else inf


class Policy(Protocol):
    """A pure function from what arrived, and what was learned before, to thresholds."""

    @property
    def capacity_s(self) -> float:
        """Audio that a sink must have room for: a threshold above it would never be reached."""

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:
        """What follows from the arrivals so far; None is before the first.

        ``ahead_s`` is how much earlier than it is heard a device asks for a frame.
        """

    def knowing(self, history: Sequence[float]) -> Policy:
        """The same policy with the ``needed_prebuffer`` of past runs, in seconds, newest last."""


@dataclass(frozen=True, slots=True)
class BufferPolicy:
    """Fixed thresholds, in seconds of buffered audio.

    ``start_s`` trades the first sound against gaps; ``resume_s`` is what a
    pause refills before the sound goes on, so that one stall makes one clean
    pause and not a stutter of slivers.
    """

    start_s: float = 0.1
    resume_s: float = 0.1

    @classmethod
    def fixed(cls, buffer_s: float) -> BufferPolicy:
        """The same threshold for start and resumption."""
        return cls(buffer_s, buffer_s)

    @property
    def capacity_s(self) -> float:
        """Audio that a sink must have room for: a threshold above it would never be reached."""
        return max(CAPACITY_S, 2 * self.start_s, 2 * self.resume_s)

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:  # noqa: ARG002
        """Always the same."""
        return Thresholds(self.start_s, self.resume_s)

    def knowing(self, history: Sequence[float]) -> Self:  # noqa: ARG002
        """Nothing changes what is fixed."""
        return self


@dataclass(frozen=True, slots=True)
class AdaptivePolicy:
    """Starts small where that is safe, and waits where this run or those before say so.

    ``history`` holds the ``needed_prebuffer`` of past runs of the same kind, in
    seconds, newest last. All other figures are settings; the simulation in
    `voicecli.bench.components.policy` shows what they trade.

    - ``start_s``: audio that must be there in any case.
    - ``unsure_s``: wait where nothing is known yet and audio comes hardly
      faster than it is played; none where it comes ``sure_rate`` times as fast.
    - ``safety``: the wait is this many times what was needed.
    - ``most_wait_s``: nobody waits longer for what is there.
    - ``refill_s``, ``most_refill_s``: what the first pause refills, and the last.
    - ``pause_s``: the least length of a pause.
    - ``grain_s``: audio that must be there besides what a device takes ahead: more comes by the
      piece, and how fast it comes is not known so early.
    """

    history: tuple[float, ...] = ()
    start_s: float = 0.06
    unsure_s: float = 0.2
    sure_rate: float = 1.5
    safety: float = 1.5
    most_wait_s: float = 1.0
    refill_s: float = 0.4
    most_refill_s: float = 3.2
    pause_s: float = 0.12
    grain_s: float = 0.024

    @property
    def capacity_s(self) -> float:
        """Audio that a sink must have room for."""
        return CAPACITY_S

    def knowing(self, history: Sequence[float]) -> AdaptivePolicy:
        """The same policy with the ``needed_prebuffer`` of past runs, in seconds, newest last."""
        return replace(self, history=tuple(history))

    def thresholds(self, progress: Progress | None, ahead_s: float) -> Thresholds:
        """See the class; the wait counts from the first arrival."""
        if progress is None:
            return Thresholds(self.start_s, self.refill_s)
        wait_s = min(self.most_wait_s, max(self.learned_s, self._guessed_s(progress)))
        return Thresholds(
            start_s=max(self.start_s, GULP * ahead_s + self.grain_s if ahead_s else 0.0),
            resume_s=self.refill_s,
            not_before=progress.first_at + wait_s + ahead_s if wait_s else -inf,
            pause_s=self.pause_s,
            most_s=self.most_refill_s,
        )

    @property
    def learned_s(self) -> float:
        """The wait that would have been enough for nearly all past runs."""
        needed_s = recent_quantile(self.history, QUANTILE, HALF_LIFE_RUNS)
        if needed_s <= GRAIN_S:
            return 0.0
        return min(self.most_wait_s, needed_s * self.safety + GRAIN_S)

    def _guessed_s(self, progress: Progress) -> float:
        """The wait that this run's own arrivals suggest: late once, late again."""
        lateness_s = progress.needed_s * self.safety if progress.needed_s > GRAIN_S else 0.0
        doubt = max(0.0, 1 - len(self.history) / RUNS_TO_TRUST)
        slowness = min(1.0, max(0.0, (self.sure_rate - progress.rate) / (self.sure_rate - 1)))
        return lateness_s + doubt * slowness * self.unsure_s


GULP = 1.25
"""Of a device's latency: what it takes at once, and the first block that it asks for after."""

QUANTILE = 0.9
"""Of the past runs, by weight, so many shall have had no hole: single freaks do not count."""

HALF_LIFE_RUNS = 8.0
"""After so many runs a run weighs half."""

RUNS_TO_TRUST = 3
"""From so many runs on, what they say replaces caution."""

GRAIN_S = 0.02
"""Lateness below it is the machine's own, and is not waited for."""


def recent_quantile(values: Sequence[float], quantile: float, half_life: float) -> float:
    """The quantile of values of which the last weigh most; 0 without any.

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


class Gate:
    """A policy at work for one sink.

    `arrived` is the producer's; ``thresholds`` is replaced in one step, and may
    be read from any thread, the audio callback's included. ``released_at`` is set
    by whoever feeds the device, when the first frame goes there.
    """

    __slots__ = ("_ahead_s", "_policy", "_progress", "released_at", "thresholds")

    def __init__(self, policy: Policy, *, ahead_s: float = 0.0) -> None:
        self._policy = policy
        self._ahead_s = ahead_s
        self._progress: Progress | None = None
        self.released_at: float | None = None
        self.thresholds = policy.thresholds(None, ahead_s)

    @property
    def first_at(self) -> float | None:
        """When the first audio arrived; None before it."""
        return self._progress.first_at if self._progress else None

    @property
    def needed_s(self) -> float | None:
        """The least delay of the start that plays what arrived; None before the first."""
        return self._progress.needed_s if self._progress else None

    def arrived(self, at: float, duration_s: float) -> None:
        """Note that ``duration_s`` seconds of audio are there to be played since ``at``."""
        before = self._progress
        self._progress = before.after(at, duration_s) if before else Progress.begin(at, duration_s)
        self.thresholds = self._policy.thresholds(self._progress, self._ahead_s)
