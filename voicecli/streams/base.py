"""What a decoder's and an encoder's stream have in common: two ends, and how each stops.

Everything here belongs to one event loop's thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from voicecli.streams.waiting import Waiters

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType
    from typing import Self

Item = TypeVar("Item")


class State(Enum):
    """Where a stream stands; each can only become one further down, except by `aclose`."""

    OPEN = auto()  # input may be pushed
    ENDED = auto()  # all input was pushed
    BROKEN = auto()  # a fault was found; it may still have to be told
    FINISHED = auto()  # all output was made
    CLOSED = auto()  # closed on purpose


class Stage(ABC, Generic[Item]):
    """A stream with a producer and a consumer, and at most one task of it on the executor.

    A subclass puts what it makes into ``_made``, and calls `_break` with the
    first fault. The consumer gets the former, then the latter, once.
    """

    def __init__(self) -> None:
        self._state = State.OPEN
        self._is_over = False  # nothing more is made
        self._made: deque[Item] = deque()
        self._is_away = False  # a task has the codec, or is about to
        self._home: AbstractEventLoop | None = None  # the loop that a task reports to
        self._fault: Exception | None = None
        self._news = Waiters()  # the consumer
        self._room = Waiters()  # the producer

    def _turn_to(self, state: State) -> None:
        self._state = state
        self._is_over = state not in (State.OPEN, State.ENDED)
        self._news.wake()
        if self._room.waiting:
            self._room.wake()

    def _break(self, fault: Exception) -> None:
        """Note what went wrong; nothing is made any more."""
        self._drop()
        self._fault = fault
        self._turn_to(State.BROKEN)

    def _raise_end(self) -> NoReturn:
        """End the iteration: with the fault, where there is one and it was not told yet."""
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
        """Drop everything and end the iteration, silently; waits for a task under way.

        Idempotent. Never needed for the interpreter to exit. On another loop, after the
        stream's own was closed, it waits for nothing: the task has nobody to report to.
        """
        self._turn_to(State.CLOSED)
        self._fault = None
        self._drop()
        self._made.clear()
        while self._is_away and not (self._home and self._home.is_closed()):
            await self._news.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
