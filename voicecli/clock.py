"""Clocks: everything that waits or takes times is given a `Clock`.

The one exception is the sound device, which has a clock of its own; see
`voicecli.playback.callback`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """A source of time that can also wait."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean anything."""

    def wall(self) -> float:
        """Return seconds since the epoch, for people and logs."""

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:
        """Wait on a held condition; False if ``timeout_s`` passed first."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:
        """Wait on a held condition; False if ``timeout_s`` passed first."""
        return condition.wait(timeout_s)


class VirtualClock:
    """A clock that moves only by waits, which return at once; for one thread.

    It begins at 0. Simulations that use it are fast and give the same result every time.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the seconds waited so far."""
        return self._now

    def wall(self) -> float:
        """Return the same: it is always 1 January 1970."""
        return self._now

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:  # noqa: ARG002
        """Let ``timeout_s`` pass; False, because no other thread could notify."""
        assert timeout_s is not None, "a wait without end"
        self._now += timeout_s
        return False

    def advance_to(self, at: float) -> None:
        """Let time pass until ``at``, unless that is past."""
        self._now = max(self._now, at)


class Deadline:
    """The time by which an operation of several steps must be finished.

    Made once and passed down, so that three steps of a 5 s operation cannot take
    15 s. ``Deadline(clock, None)`` never expires.
    """

    __slots__ = ("_at", "_clock")

    def __init__(self, clock: Clock, timeout_s: float | None) -> None:
        self._clock = clock
        self._at = None if timeout_s is None else clock.now() + timeout_s

    @property
    def remaining_s(self) -> float | None:
        """Seconds left, never below 0; None when there is no limit."""
        return None if self._at is None else max(0.0, self._at - self._clock.now())
