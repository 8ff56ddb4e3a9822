"""When sound may start, and when it may go on after a hole; pure."""

from __future__ import annotations

from dataclasses import dataclass

CAPACITY_S = 30.0
"""Audio taken ahead of the sound before backpressure reaches the socket."""


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

    def may_start(self, buffered_s: float, *, input_ended: bool) -> bool:
        """Whether the first sound may be made now; never without anything to hear."""
        return buffered_s > 0 and (input_ended or buffered_s >= self.start_s)

    def may_resume(self, buffered_s: float, *, input_ended: bool) -> bool:
        """Whether sound may go on after an underrun; never without anything to hear."""
        return buffered_s > 0 and (input_ended or buffered_s >= self.resume_s)
