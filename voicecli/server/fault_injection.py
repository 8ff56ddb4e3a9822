"""Fault injection: when to send each chunk, for tests and benchmarks of clients; pure.

Positions are seconds of audio, derived from the number of frames that each chunk of
bytes encodes; within a chunk they are spread evenly over its bytes. Times are
seconds since the start of the response.
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
    """The faults to inject into a response; by default none.

    - ``ttfb_s``: wait before the response starts.
    - ``pace``: send audio at this multiple of real time; None for as fast as possible.
    - ``jitter_s``: delay each write by up to this much, uniformly distributed.
    - ``stall_at_s``, ``stall_s``: where to pause, and for how long.
    - ``cut_at_s``: where to close the connection.
    - ``chunk_bytes``: size of the writes; None for one a chunk.
    """

    ttfb_s: float = 0.0
    pace: float | None = None
    jitter_s: float = 0.0
    stall_at_s: float | None = None
    stall_s: float = FOREVER
    cut_at_s: float | None = None
    chunk_bytes: int | None = None


class FaultSchedule:
    """Schedules the writes of one response.

    Jitter is seeded, so that every response is delayed in the same places.
    ``is_cut`` becomes True once the rest of the response must not be sent.
    """

    def __init__(self, plan: FaultPlan, rate_hz: int) -> None:
        self.is_cut = False
        self._plan = plan
        self._rate_hz = rate_hz
        self._random = random.Random(0)  # noqa: S311  not for secrets
        self._position_s = 0.0
        self._has_stalled = False
        self._paused_s = 0.0
        self._due_s = 0.0

    def feed(self, data: bytes, frames: int) -> Iterator[tuple[bytes, float]]:
        """Split the next chunk into writes, each with the time at which it is due.

        Ends early if the response is cut. Must be exhausted.
        """
        duration_s = frames / self._rate_hz
        for start, end in self._spans(len(data), duration_s):
            at_s = self._position_s + duration_s * start / max(1, len(data))
            if self._plan.cut_at_s is not None and at_s >= self._plan.cut_at_s:
                self.is_cut = True
                return
            yield data[start:end], self._due(at_s)
        self._position_s += duration_s

    def _spans(self, size: int, duration_s: float) -> Iterator[tuple[int, int]]:
        """Split a chunk every ``chunk_bytes`` bytes and at the positions of faults."""
        edges = {*range(0, size, self._plan.chunk_bytes or max(1, size)), size}
        for fault_s in (self._plan.stall_at_s, self._plan.cut_at_s):
            if fault_s is not None and duration_s:
                share = (fault_s - self._position_s) / duration_s
                if 0 < share < 1:
                    edges.add(math.ceil(share * size))
        return itertools.pairwise(sorted(edges))

    def _due(self, at_s: float) -> float:
        pause_s = 0.0
        if not self._has_stalled and self._plan.stall_at_s is not None:
            self._has_stalled = at_s >= self._plan.stall_at_s
            pause_s = self._plan.stall_s if self._has_stalled else 0.0
        self._paused_s += pause_s
        if self._plan.pace is None:
            on_time_s = self._due_s + pause_s
        else:
            on_time_s = at_s / self._plan.pace + self._paused_s
        delay_s = self._random.uniform(0.0, self._plan.jitter_s)
        self._due_s = max(self._due_s, on_time_s + delay_s)  # late, but never out of order
        return self._due_s
