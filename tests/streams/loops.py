"""An event loop in virtual time: it sleeps on a `VirtualClock`, beside the scenario's threads."""

from __future__ import annotations

import asyncio
import selectors
import threading
from contextlib import contextmanager

from tests.playback.clocks import virtual_clock


class VirtualSelector(selectors.DefaultSelector):
    """Looks at file descriptors for no time, and lets the rest of the time pass on the clock."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self._idle = threading.Condition()

    def select(self, timeout=None):
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        with self._idle:
            self._clock.wait(self._idle, timeout)
        return super().select(0)


@contextmanager
def virtual_time():
    """A clock, and a function that runs a coroutine by it."""
    with virtual_clock() as clock:

        def loop_factory():
            loop = asyncio.SelectorEventLoop(VirtualSelector(clock))
            loop.time = clock.now
            return loop

        def run(main):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                return runner.run(main)

        yield clock, run


class SkewedClock:
    """A clock that runs ``ppm`` parts in a million faster than another, as crystals do."""

    def __init__(self, clock, ppm):
        self._clock = clock
        self._began = clock.now()
        self._pace = 1 + ppm / 1e6

    def now(self):
        return self._began + (self._clock.now() - self._began) * self._pace

    def wall(self):
        return self._clock.wall()

    def wait(self, condition, timeout_s):
        return self._clock.wait(condition, None if timeout_s is None else timeout_s / self._pace)
