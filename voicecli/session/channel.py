"""A bounded queue between two threads, which any thread can end.

Before Python 3.13, `queue.Queue` cannot be closed to wake the threads that wait on
it. The bound is a weight, such as bytes: a number of chunks bounds nothing if a
chunk may be one byte or a megabyte.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

TEXT_CAPACITY = 64 * 1024
"""Characters of text that are read ahead of the speech; then its writer has to wait."""


class Channel(Generic[T]):
    """Passes weighted items from producers to one consumer, in order.

    After `end`, the items that are queued can still be taken. `close` drops them,
    and both sides return at once. Neither is an error. All methods may be called
    from any thread.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._ended = False
        self._closed = False
        self.is_touched = False
        """Whether the consumer took something."""

    def put(self, item: T, weight: int = 1, *, capacity: int | None = None) -> bool:
        """Queue ``item``; blocks while the queue is full. False after `end` or `close`.

        An item heavier than the whole capacity is accepted when the queue is empty.
        A lower ``capacity`` for this item makes it wait earlier.
        """
        with self._changed:
            while self._is_full_for(weight, capacity) and not (self._ended or self._closed):
                self._changed.wait()
            return self._append(item, weight)

    def offer(self, item: T, weight: int = 1) -> bool:
        """Queue ``item`` if there is room; False if there is none, or after `end` or `close`."""
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

    @property
    def is_over(self) -> bool:
        """Whether nothing is queued and nothing follows."""
        with self._changed:
            return self._closed or (self._ended and not self._items)

    def take(self, timeout_s: float | None = None) -> list[T]:
        """Take all queued items, waiting for at least one.

        Empty after the end, and after ``timeout_s`` seconds; `is_over` tells which.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or self._closed, timeout_s)
            taken = [item for item, _ in self._items]
            self.is_touched = self.is_touched or bool(taken)
            self._items.clear()
            self._weight = 0
            self._changed.notify_all()
            return taken

    def clear_untouched(self) -> bool:
        """Drop what is queued and start over, unless the consumer has taken some already."""
        with self._changed:
            if not self.is_touched:
                self._items.clear()
                self._weight = 0
            return not self.is_touched

    def end(self) -> None:
        """End the queue: nothing follows."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what is queued, and let both sides return."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._weight = 0
            self._changed.notify_all()
