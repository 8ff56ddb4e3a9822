"""A bounded queue between two threads that either side, or a third, can end.

What `queue.Queue` lacks before Python 3.13: closing it wakes whoever waits. The
bound is in bytes (or whatever the caller weighs items in), because a count of
chunks bounds nothing when a chunk may be one byte or a megabyte.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Passes weighed items from producers to one consumer, in order.

    ``end()`` says that nothing follows: what is queued is still taken.
    ``close()`` drops what is queued and turns both sides away at once; neither
    is an error. All methods may be called from any thread.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._ended = False
        self._closed = False

    def put(self, item: T, weight: int = 1, *, capacity: int | None = None) -> bool:
        """Queue ``item``, waiting while the queue is full; False once it was ended or closed.

        An item heavier than the whole capacity is let in when the queue is empty.
        ``capacity``, for this item in place of the queue's own, makes it wait sooner.
        """
        with self._changed:
            while self._is_full_for(weight, capacity) and not (self._ended or self._closed):
                self._changed.wait()
            return self._append(item, weight)

    def offer(self, item: T, weight: int = 1) -> bool:
        """Queue ``item`` if there is room for it now; False if there is none, or it is over."""
        with self._changed:
            return not self._is_full_for(weight) and self._append(item, weight)

    def _is_full_for(self, weight: int, capacity: int | None = None) -> bool:
        limit = self._capacity if capacity is None else capacity
        return bool(self._items) and self._weight + weight > limit

    def _append(self, item: T, weight: int) -> bool:
        if self._closed or self._ended:
            return False
        self._items.append((item, weight))
        self._weight += weight
        self._changed.notify_all()
        return True

    def take(self) -> list[T]:
        """Take all that is queued, waiting for at least one item; empty once it is over."""
        with self._changed:
            while not (self._items or self._ended or self._closed):
                self._changed.wait()
            taken = [item for item, _ in self._items]
            self._items.clear()
            self._weight = 0
            self._changed.notify_all()
            return taken

    def end(self) -> None:
        """Say that nothing follows."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what is queued and turn both sides away."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._weight = 0
            self._changed.notify_all()
