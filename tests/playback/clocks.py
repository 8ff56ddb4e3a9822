"""Time for tests: it passes only when everyone waits, and then at once.

A `VirtualClock` runs the threads of a scenario one at a time, like coroutines:
a thread keeps the turn until it waits on the clock. When all wait, the clock
jumps to the next moment at which one of them, or an appointed event, is due.
So nothing sleeps, every interleaving is the same in every run, and a scenario
of minutes takes milliseconds. What can never happen any more raises instead of
hanging.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from contextlib import contextmanager
from math import inf
from queue import SimpleQueue


class Stuck(AssertionError):
    """Everyone waits, and nothing is due."""


class _Killed(BaseException):
    """Ends the threads of a scenario that is over."""


class _Thread:
    """One thread of a scenario; the first is the test's own."""

    def __init__(self):
        self.turn = SimpleQueue()  # gives and takes a turn faster than a semaphore
        self.condition = None
        self.notified = False
        self.due_at = inf
        self.done = False
        self.error = None

    def is_ready(self, now):
        return not self.done and (self.notified or self.due_at <= now)


class VirtualClock:
    """A `voicecli.clock.Clock` that is also the scheduler of its scenario."""

    def __init__(self, starts_at=1000.0):
        self._now = starts_at
        self._events = []
        self._order = itertools.count()
        self._threads = [_Thread()]
        self._current = self._threads[0]
        self._killing = False
        self._watched = set()

    # The Clock protocol.

    def now(self):
        return self._now

    def wall(self):
        return 1.7e9 + self._now

    def wait(self, condition, timeout_s):
        me = self._current
        if self._killing and me is not self._threads[0]:
            raise _Killed
        self._watch(condition)
        due_at = inf if timeout_s is None else self._now + timeout_s
        me.condition, me.notified, me.due_at = condition, False, due_at
        condition.release()
        try:
            self._give_way(me)
        finally:
            condition.acquire()
        return me.notified

    # For tests and fakes.

    def sleep_until(self, at):
        """Let time pass for this thread until ``at``."""
        alone = threading.Condition()
        with alone:
            while self._now < at:
                self.wait(alone, at - self._now)

    def sleep(self, duration_s):
        self.sleep_until(self._now + duration_s)

    def at(self, moment, event):
        """Appoint ``event()``, which must not wait, for the moment ``moment``."""
        heapq.heappush(self._events, (max(moment, self._now), next(self._order), event))

    def after(self, delay_s, event):
        self.at(self._now + delay_s, event)

    def spawn(self, work, name=""):
        """Start a thread of the scenario: `voicecli.threads.Spawn`."""
        thread = _Thread()
        thread.notified = True  # ready to begin

        def body():
            thread.turn.get()
            try:
                if not self._killing:
                    work()
            except _Killed:
                pass
            except BaseException as error:  # noqa: BLE001  handed to the test thread
                thread.error = error
            finally:
                thread.done = True
                self._pass_turn()

        real = threading.Thread(target=body, name=name, daemon=True)
        thread.real = real
        thread.join = lambda timeout=None: self._join(thread, timeout)
        self._threads.append(thread)
        real.start()
        return thread

    def running(self):
        """Threads of the scenario that have not ended."""
        return sum(not thread.done for thread in self._threads[1:])

    def _join(self, thread, timeout_s):
        due_at = inf if timeout_s is None else self._now + timeout_s
        alone = threading.Condition()
        with alone:
            while not thread.done and self._now < due_at:
                self.wait(alone, min(0.001, due_at - self._now))
        if thread.error is not None:
            raise thread.error

    def _watch(self, condition):
        """Let ``condition.notify_all()`` make the threads ready that wait on it here."""
        if condition in self._watched:
            return
        self._watched.add(condition)

        def notify_all():
            for thread in self._threads:
                if thread.condition is condition:
                    thread.notified = True

        condition.notify_all = notify_all

    def _give_way(self, me):
        chosen = self._choose()
        if chosen is not me:
            self._current = chosen
            chosen.turn.put(None)
            me.turn.get()
        if self._killing and me is not self._threads[0]:
            raise _Killed
        me.condition, me.due_at = None, inf
        if isinstance(me.error, Stuck):
            error, me.error = me.error, None
            raise error

    def _pass_turn(self):
        """The turn of a thread that has ended goes to another."""
        self._current = self._threads[0] if self._killing else self._choose()
        self._current.turn.put(None)

    def _choose(self):
        """Who runs next; time passes here and nowhere else."""
        while True:
            ready = [thread for thread in self._threads if thread.is_ready(self._now)]
            if ready:
                # Fair: who has just run is asked last.
                last = self._threads.index(self._current)
                ready.sort(key=lambda t: (self._threads.index(t) - last - 1) % len(self._threads))
                return ready[0]
            due_at = min((t.due_at for t in self._threads if not t.done), default=inf)
            if self._events and self._events[0][0] <= due_at:
                self._now, _, event = heapq.heappop(self._events)
                event()
            elif due_at < inf:
                self._now = due_at
            else:
                main = self._threads[0]
                main.error = Stuck("everyone waits, and nothing will ever happen")
                return main

    def end(self):
        """Kill what still runs; called by the test's thread."""
        self._killing = True
        for thread in self._threads[1:]:
            if not thread.done:
                self._current = thread
                thread.turn.put(None)
                self._threads[0].turn.get()
            thread.real.join(5)


@contextmanager
def virtual_clock():
    clock = VirtualClock()
    try:
        yield clock
    finally:
        clock.end()
