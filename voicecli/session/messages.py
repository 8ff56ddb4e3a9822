"""What the threads of a session have to say to the one that reads it."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import DeviceError, VoiceError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Event(Enum):
    """What happened; who says so in brackets."""

    CANCELLED = auto()  # somebody wants silence [any thread, a signal handler]
    FIRST_BYTES = auto()  # something arrived [source]
    DRAINING = auto()  # the sink has all there is [decoder]
    RENDERED = auto()  # and has played it [decoder]


@dataclass(frozen=True, slots=True)
class Failed:
    """A fault of the outside world; ``fatal`` where no more can be heard either."""

    error: VoiceError
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault of ours."""

    error: BaseException


Message: TypeAlias = Event | Failed | Defect


class Mailbox:
    """Messages from any thread to one, in order.

    ``put`` of a `queue.SimpleQueue` may interrupt itself, so whatever writes
    here may do so from a signal handler.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        """Say what happened; any thread, any signal handler."""
        self._queue.put(event)

    def fail(self, error: VoiceError) -> None:
        """Report a fault after which what arrived may still be heard; any thread."""
        self._queue.put(Failed(error))

    def end(self, fault: BaseException) -> None:
        """Report what ended a thread; that thread."""
        if isinstance(fault, VoiceError):
            self._queue.put(Failed(fault, fatal=isinstance(fault, DeviceError)))
        else:
            self._queue.put(Defect(fault))

    def get(self, timeout_s: float) -> Message | None:
        """The next message, waiting for it no longer than this; the one reader."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def rest(self) -> Iterator[Message]:
        """All that is there now; the one reader."""
        while not self._queue.empty():
            yield self._queue.get()
