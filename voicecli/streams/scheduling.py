"""How streams share the time of an event loop, and the threads beside it.

What costs time goes to `shared_executor`, which leaves a processor to the loop. Handing
it over and back costs about 100 µs. What costs less, what is urgent, and what the threads
are too slow for is done on the loop, within the `PassBudget` of all its streams.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

MAX_THREADS = 4

waiting_batches: set[Callable[[], None]] = set()
"""Batches that wait for a thread; who removes one may run it."""

PASS_S = 0.004
"""Time that all streams of a loop may spend on it before it looks at timers and sockets."""


def _make_executor() -> ThreadPoolExecutor:
    threads = max(1, min(MAX_THREADS, (os.cpu_count() or 1) - 1))
    return ThreadPoolExecutor(threads, thread_name_prefix="voicecli-streams")


_executor = _make_executor()


def shared_executor() -> ThreadPoolExecutor:
    """Return the thread pool of this process. Callable from any thread.

    The interpreter joins its threads at exit. Every task that this package submits
    ends within milliseconds, even if its stream was abandoned.
    """
    return _executor


def _renew_executor() -> None:
    """Replace the pool in a forked child, which has none of its threads."""
    global _executor  # noqa: PLW0603  one pool is the point
    _executor = _make_executor()
    waiting_batches.clear()


os.register_at_fork(after_in_child=_renew_executor)


def submit_batch(batch: Callable[[], None]) -> bool:
    """Run ``batch`` on the executor; return False if no thread can be started for it."""
    waiting_batches.add(batch)
    try:
        shared_executor().submit(_run_batch, batch)
    except RuntimeError:  # it is queued all the same, and an older thread may have taken it
        return not _take_batch(batch)
    return True


def _run_batch(batch: Callable[[], None]) -> None:
    if _take_batch(batch):
        batch()


def _take_batch(batch: Callable[[], None]) -> bool:
    with suppress(KeyError):
        waiting_batches.remove(batch)
        return True
    return False


def call_in(loop: AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    """Call ``callback(*args)`` on the thread of ``loop``, unless the loop was closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *args)


class PassBudget(threading.local):
    """Time that all streams on this thread may spend in one pass of its event loop.

    A pass runs every callback that is ready; timers and sockets wait for its end.
    A stream that finds the budget spent waits for the next pass: ``await asyncio.sleep(0)``.
    """

    _left_s = PASS_S
    _renewed_by: AbstractEventLoop | None = None  # the loop that will renew it

    def is_spent(self) -> bool:
        """Return whether this pass has no time left."""
        return self._left_s <= 0 and self._renewed_by is asyncio.get_running_loop()

    def spend(self, seconds: float) -> None:
        """Take ``seconds`` from the budget of this pass."""
        loop = asyncio.get_running_loop()
        if self._renewed_by is not None and self._renewed_by is not loop:
            self._renew()  # its loop was closed before the pass ended
        self._left_s -= seconds
        if self._left_s < PASS_S / 2 and self._renewed_by is None:
            self._renewed_by = loop
            loop.call_soon(self._renew)  # runs at the start of the next pass

    def _renew(self) -> None:
        self._left_s = PASS_S
        self._renewed_by = None


pass_budget = PassBudget()
