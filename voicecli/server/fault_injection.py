"""Misbehaving on purpose: what to send when, for tests and benchmarks of clients; pure.

Positions are seconds of sound, known from how many frames each stretch of bytes
stands for; within a stretch they are spread evenly over its bytes. Times are
seconds after the first byte.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How answers go wrong; the default is that they do not.

    - ``ttfb_s``: wait before the answer begins.
    - ``pace``: times real time at which sound leaves; None is as fast as it is made.
    - ``jitter_s``: each piece is late by up to this much, evenly distributed.
    - ``stall_at_s``, ``stall_s``: pause before the sound of that second, for how long.
    - ``cut_at_s``: the connection goes away before the sound of that second.
    - ``chunk_bytes``: size of the pieces; None is as they come.
    """

    ttfb_s: float = 0.0
    pace: float | None = None
    jitter_s: float = 0.0
    stall_at_s: float | None = None
    stall_s: float = FOREVER
    cut_at_s: float | None = None
    chunk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes to send in one write, and how long after the first they are due."""

    data: bytes
    due_s: float


class Script:
    """One answer's plan: takes what is to be sent, yields what to send when.

    Jitter is seeded: the same answer is late in the same places every time.
    ``is_cut`` is True once the rest of the answer must not be sent.
    """

    def __init__(self, misbehaviour: FaultPlan, rate_hz: int) -> None:
        self._how = misbehaviour
        self._rate_hz = rate_hz
        self._random = random.Random(0)  # noqa: S311  nothing secret about being late
        self._position_s = 0.0
        self._has_stalled = False
        self._paused_s = 0.0
        self._due_s = 0.0
        self.is_cut = False

    def feed(self, data: bytes, frames: int) -> Iterator[Piece]:
        """Plan the next stretch; ends early where the answer is cut. To be exhausted."""
        duration_s = frames / self._rate_hz
        for start, end in self._spans(len(data), duration_s):
            at_s = self._position_s + duration_s * start / max(1, len(data))
            if self._how.cut_at_s is not None and at_s >= self._how.cut_at_s:
                self.is_cut = True
                return
            yield Piece(data[start:end], self._due(at_s))
        self._position_s += duration_s

    def _spans(self, size: int, duration_s: float) -> Iterator[tuple[int, int]]:
        """Where to split a stretch: every ``chunk_bytes``, and where something is to happen."""
        cuts = set(range(0, size, self._how.chunk_bytes or max(1, size)))
        for moment_s in (self._how.stall_at_s, self._how.cut_at_s):
            if moment_s is not None and duration_s:
                share = (moment_s - self._position_s) / duration_s
                if 0 < share < 1:
                    cuts.add(math.ceil(share * size))
        edges = sorted(cuts | {size})
        return itertools.pairwise(edges)

    def _due(self, at_s: float) -> float:
        pause_s = 0.0
        if not self._has_stalled and self._how.stall_at_s is not None:
            self._has_stalled = at_s >= self._how.stall_at_s
            pause_s = self._how.stall_s if self._has_stalled else 0.0
        self._paused_s += pause_s
        if self._how.pace is None:
            on_time_s = self._due_s + pause_s
        else:
            on_time_s = at_s / self._how.pace + self._paused_s
        late_s = self._random.uniform(0.0, self._how.jitter_s)
        self._due_s = max(self._due_s, on_time_s + late_s)  # late, but never out of order
        return self._due_s
