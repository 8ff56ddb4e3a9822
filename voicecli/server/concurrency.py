"""Limits on concurrent requests: how many are open, and how many synthesize at once.

A request that synthesizes occupies a slot for one sentence at a time, and the most
urgent request gets a free slot: the one whose audio so far has been or will be played
first. A new request has none, so it comes before requests that are well ahead of their
playback, and a request about to run out of audio comes before newer ones.
"""

from __future__ import annotations

import heapq
import itertools
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio

from voicecli.server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

RETRY_AFTER_S = 1
"""When a rejected client should retry: most sentences take less."""


class ConcurrencyLimit:
    """The limits of one server. Event loop only.

    Args:
        slots: how many requests synthesize at once.
        queue: how many further requests may be open; more are rejected.
        queue_s: how long a request may wait for its first slot before it is rejected.
    """

    def __init__(self, slots: int, queue: int, queue_s: float) -> None:
        self.slots = slots
        self.open = 0
        """Requests that are open."""
        self._max_open = slots + queue
        self._queue_s = queue_s
        self._free = slots
        self._waiting: list[tuple[float, int, anyio.Event]] = []
        self._order = itertools.count()

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count a request as open for the duration of the context.

        Raises:
            ApiError: too many are open.
        """
        if self.open >= self._max_open:
            raise _busy(f"{self.open} requests are open")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def run(self, function: Callable[[], _T], *, due_at: float, is_first: bool = False) -> _T:
        """Run a blocking function on a worker thread, once there is a slot for it.

        ``due_at`` is when its result is needed, on any clock; the smallest comes
        first, and equal ones in order. ``is_first`` limits the wait.

        Raises:
            ApiError: there was no slot in time.
        """
        try:
            with anyio.fail_after(self._queue_s if is_first else math.inf):
                await self._acquire(due_at)
        except TimeoutError:
            raise _busy(f"no slot was free within {self._queue_s:g} s") from None
        try:
            return await anyio.to_thread.run_sync(function)
        finally:
            self._release()

    async def _acquire(self, due_at: float) -> None:
        if self._free:
            self._free -= 1
            return
        entry = (due_at, next(self._order), anyio.Event())
        heapq.heappush(self._waiting, entry)
        try:
            await entry[2].wait()
        except BaseException:
            if entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            else:  # it was given a slot before it was cancelled
                self._release()
            raise

    def _release(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1


def _busy(reason: str) -> ApiError:
    message = f"the server is busy: {reason}; retry in {RETRY_AFTER_S} s"
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return ApiError(429, message, code="rate_limit_exceeded", headers=headers)
