"""Where decoding happens: here on the loop, or on one of a few shared threads.

Handing work to a thread and back costs some 100 µs, and a thread that runs
Python holds up the loop for as long as the interpreter lets it (5 ms). So work
that takes less than that, which is all of it where a stream arrives at the pace
of speech, is done on the loop at once. Three bounds keep the loop alive:

- `CostMeter` tells how many bytes of a stream can be decoded in a given time;
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

_ASSUMED_S_PER_BYTE = {"opus": 0.25e-6, "mp3": 0.15e-6, "aac": 0.1e-6, "flac": 0.03e-6}
"""Some more than was measured on a 2-core server, for speech at usual bitrates."""

_ASSUMED_VIEW_S_PER_BYTE = 4e-9
"""Of pcm and wav, which cost a twentieth of it, unless they are resampled."""

_ASSUMED_BYTES = 2_048
_MEMORY_BYTES = 1 << 16

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


class CostMeter:
    """CPU time per byte of one stream: assumed at first, then as measured, lately most.

    The first measurement does not count: it has a decoder's set-up in it. It
    tells the codec, though, and with it what is to be assumed.
    """

    __slots__ = ("_bytes", "_is_warm", "_seconds")

    def __init__(self) -> None:
        self._bytes = float(_ASSUMED_BYTES)
        self._seconds = _ASSUMED_BYTES * max(_ASSUMED_S_PER_BYTE.values())
        self._is_warm = False

    def add(self, size: int, seconds: float, codec: str | None = None) -> None:
        """Count ``size`` bytes that took ``seconds``; ``codec`` is their name, once known."""
        if not self._is_warm:
            if codec is not None:
                self._is_warm = True
                self._seconds = _ASSUMED_BYTES * _ASSUMED_S_PER_BYTE.get(
                    codec, _ASSUMED_VIEW_S_PER_BYTE
                )
            return
        self._bytes += size
        self._seconds += seconds
        if self._bytes > _MEMORY_BYTES:
            self._bytes /= 2
            self._seconds /= 2

    def bytes_in(self, seconds: float, *, least: int, most: int) -> int:
        """Bytes that should take ``seconds``, between ``least`` and ``most``."""
        if seconds * self._bytes >= most * self._seconds:
            return most
        return max(least, int(seconds * self._bytes / self._seconds))


class PassBudget:
    """Time that streams may spend in one pass of an event loop over what is ready.

    A pass looks at timers and sockets once, so what all streams decode within
    it adds to everyone's delay. Whoever finds the budget spent goes to the end
    of the queue, ``await asyncio.sleep(0)``, and has the next pass's.
    """

    __slots__ = ("__weakref__", "_left_s", "_loop", "_renewing")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._left_s = _PASS_S
        self._renewing = False

    @property
    def is_spent(self) -> bool:
        """Whether this pass has nothing left."""
        return self._left_s <= 0

    def spend(self, seconds: float) -> None:
        """Take ``seconds`` from this pass."""
        self._left_s -= seconds
        loop = self._loop()
        if not self._renewing and loop is not None:
            self._renewing = True
            loop.call_soon(self._renew)  # which is the beginning of the next pass

    def _renew(self) -> None:
        self._left_s = _PASS_S
        self._renewing = False


_budgets: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, PassBudget]
_budgets = weakref.WeakKeyDictionary()


def pass_budget(loop: asyncio.AbstractEventLoop) -> PassBudget:
    """The budget that all streams of a loop share; to be asked on its thread."""
    budget = _budgets.get(loop)
    if budget is None:
        budget = _budgets[loop] = PassBudget(loop)
    return budget
