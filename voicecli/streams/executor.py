"""Where decoding happens: here on the loop, or on one of a few shared threads.

Handing work to a thread and back costs some 100 µs, and a thread that runs
Python holds up the loop for as long as the interpreter lets it (5 ms). So work
that takes less than that, which is all of it where a stream arrives at the pace
of speech, is done on the loop at once. Three bounds keep the loop alive:

- `voicecli.streams.ration.Ration` tells how many bytes of a stream that is;
- `PassBudget` bounds what all streams together decode in one pass of the loop;
- `shared_executor` takes what a stream has beyond one small slice.
"""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

MAX_THREADS = 4

_PASS_S = 0.004
_TRIFLE_S = 0.0005
"""As little may be missing when a pass begins: to renew costs as much as a short turn."""

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


def shared_executor() -> ThreadPoolExecutor:
    """The pool of this process, made when it is first asked for; any thread.

    The interpreter joins its threads on the way out, and every task given to it
    by this package ends within milliseconds, whoever still waits for it or not:
    a decoder that was abandoned holds up nothing. A forked child makes its own.
    """
    global _executor  # noqa: PLW0603  one pool is the point
    with _lock:
        if _executor is None:
            threads = min(MAX_THREADS, os.cpu_count() or 1)
            _executor = ThreadPoolExecutor(threads, thread_name_prefix="voicecli-streams")
        return _executor


def _forget() -> None:
    """In a forked child: the threads were left behind, and the lock may be held by one."""
    global _executor, _lock
    _executor, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class PassBudget:
    """Time that streams may spend in one pass of an event loop over what is ready.

    A pass looks at timers and sockets once, so what all streams decode within
    it adds to everyone's delay. Whoever finds the budget spent goes to the end
    of the queue, ``await asyncio.sleep(0)``, and has the next pass's.
    """

    __slots__ = ("__weakref__", "_loop", "_renewing", "left_s")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self.left_s = _PASS_S
        """What this pass has left; the budget is spent where that is nothing or less."""
        self._renewing = False

    def spend(self, seconds: float) -> None:
        """Take ``seconds`` from this pass."""
        self.left_s -= seconds
        if self.left_s < _PASS_S - _TRIFLE_S and not self._renewing:
            loop = self._loop()
            if loop is not None and not loop.is_closed():
                self._renewing = True
                loop.call_soon(self._renew)  # which is the beginning of the next pass

    def _renew(self) -> None:
        self.left_s = _PASS_S
        self._renewing = False


_budgets: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, PassBudget]
_budgets = weakref.WeakKeyDictionary()


def pass_budget(loop: asyncio.AbstractEventLoop) -> PassBudget:
    """The budget that all streams of a loop share; to be asked on its thread."""
    budget = _budgets.get(loop)
    if budget is None:
        budget = _budgets[loop] = PassBudget(loop)
    return budget
