"""What the stream decoder and the stream encoder have in common.

Everything here belongs to the thread of one event loop.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Self

Item = TypeVar("Item")


class BufferFull(BufferError):
    """More was pushed than the bound allows: wait for room, or push less at a time."""


class StreamClosed(RuntimeError):
    """Something was pushed after the end of the input, or after a close."""


class Waiters:
    """Tasks of one event loop that wait for the next `wake`.

    Unlike an `asyncio.Event` it remembers nothing, and it may move to another loop.
    """

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._futures)

    def wake(self) -> None:
        """Wake every task that waits now."""
        for future in self._futures:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Wait for the next `wake`."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        try:
            await future
        finally:
            self._futures.remove(future)


class AsyncClosing(ABC):
    """An async context manager that closes itself at the end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it. Idempotent."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class State(Enum):
    """Progress of a stream. It only moves down this list, except by `aclose`."""

    OPEN = auto()  # input may be pushed
    ENDED = auto()  # all input has been pushed
    BROKEN = auto()  # a fault was found; the iteration may still have to raise it
    FINISHED = auto()  # all output has been made
    CLOSED = auto()  # closed on purpose


class CodecStream(AsyncClosing, Generic[Item]):
    """A stream with a producer, a consumer, and at most one task on the shared executor.

    A subclass appends its output to ``_made`` and calls `_break` with the first
    fault. The consumer gets all output, then the fault, once.
    """

    def __init__(self) -> None:
        self._state = State.OPEN
        self._made: deque[Item] = deque()
        self._is_away = False  # a task has the codec, or is about to
        self._loop: AbstractEventLoop | None = None  # the loop it last used
        self._fault: Exception | None = None
        self._news = Waiters()  # the consumer, and `aclose`
        self._room = Waiters()  # the producer

    def _turn_to(self, state: State) -> None:
        self._state = state
        self._news.wake()
        self._room.wake()

    def _break(self, fault: Exception) -> None:
        """Drop the input and keep ``fault`` for the consumer."""
        self._drop()
        self._fault = fault
        self._turn_to(State.BROKEN)

    def _raise_end(self) -> NoReturn:
        """End the iteration, with the fault if it was not raised yet."""
        fault, self._fault = self._fault, None
        raise fault or StopAsyncIteration

    @abstractmethod
    def _drop(self) -> None:
        """Drop the input that waits."""

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> Item: ...

    async def aclose(self) -> None:
        """Drop everything and end the iteration silently; wait for a task under way.

        Idempotent, and optional: a stream that was not closed does not keep the
        interpreter from exiting. If the stream's loop was closed, nothing is waited for.
        """
        self._turn_to(State.CLOSED)
        self._fault = None
        self._drop()
        self._made.clear()
        while self._is_away and not (self._loop and self._loop.is_closed()):
            await self._news.wait()
