"""Messages from a session's threads to the thread that runs it."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import DeviceError, ThreadError, VoiceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class _Signal:
    """A message without content."""


class Cancelled(_Signal):
    """The session is to stop now; from any thread or a signal handler."""


class FirstBytes(_Signal):
    """The first bytes arrived; from the source thread."""


class Draining(_Signal):
    """The sink has all samples; from the decoder thread."""


class Rendered(_Signal):
    """The sink has played all samples; from the decoder thread."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something outside the program failed; ``fatal`` if nothing more can be heard."""

    error: VoiceError
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class InternalError:
    """A thread raised an unforeseen exception: a bug."""

    error: BaseException


Message: TypeAlias = Cancelled | FirstBytes | Draining | Rendered | Failed | InternalError


class Mailbox:
    """A queue of messages from any thread, read by one.

    ``put`` of a `queue.SimpleQueue` is reentrant, so a signal handler may write
    here too.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Queue a message; any thread, any signal handler."""
        self._queue.put(message)

    def fail(self, error: VoiceError) -> None:
        """Report a failure after which what has arrived may still be heard; any thread."""
        self._queue.put(Failed(error))

    def report_exception(self, error: BaseException) -> None:
        """Report the exception that ended a thread; that thread."""
        if isinstance(error, VoiceError):
            self._queue.put(Failed(error, fatal=isinstance(error, DeviceError | ThreadError)))
        else:
            self._queue.put(InternalError(error))

    def get(self, timeout_s: float) -> Message | None:
        """Return the next message, or None after ``timeout_s`` seconds; the reader."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def drain(self) -> Iterator[Message]:
        """Yield the messages that are there now; the reader."""
        while not self._queue.empty():
            yield self._queue.get()

    def raise_internal_error(self) -> None:
        """Raise the first internal error that is still there; the reader."""
        for message in self.drain():
            if isinstance(message, InternalError):
                raise message.error
