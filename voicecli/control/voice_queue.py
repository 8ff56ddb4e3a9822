"""The queue of voices on this machine: a ticket for each, held by a lock of the kernel.

Every speaker holds an exclusive ``flock`` on a ticket of its own, a file whose name is its
place in the queue. The first ticket that is held has the turn. A lock ends with its
process, however that ends, so nothing can block the queue. The file ``lock`` is held for
microseconds, while tickets are handed out or cleared away.

A ticket's name is ``NUMBER.RANK``. A speaker that queues gets the next number. One that
interrupts gets the number of the current speaker and the next rank, and so precedes all
that wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from voicecli.control.runtime import RuntimeFolderError, make_subfolder

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_S = 0.02
"""Interval at which a waiting speaker checks whether the one before it has ended."""

_LOCK_S = 0.25
"""Longest wait for the lock on the queue: only a suspended process holds it for longer."""

_MAX_NOTE = 256


class Ticket(NamedTuple):
    """A place in the queue; ``note`` is what its holder wrote: its socket's name."""

    name: str
    note: str = ""

    @property
    def number(self) -> int:
        """The place in the order of asking."""
        return int(self.name.partition(".")[0])

    @property
    def rank(self) -> int:
        """The place among those of one number."""
        return int(self.name.partition(".")[2])


class Turn:
    """A place in the queue, held from construction until `release`.

    ``note`` says how the holder can be reached. Any thread; `wait` from one at a time.

    Raises:
        RuntimeFolderError: the queue cannot be used.
    """

    def __init__(self, folder: str, *, note: str = "", interrupts: bool = False) -> None:
        self._folder = make_subfolder(folder, "turns")
        self._changed = threading.Condition()
        try:
            with self._locked():
                self.ticket, self._descriptor = self._take(note, interrupts=interrupts)
        except OSError as error:
            raise RuntimeFolderError(f"cannot queue: {error.strerror or error}") from error
        self._released = False
        self._next_to: str | None = None  # the held ticket that was next before this one

    def ahead(self) -> list[Ticket]:
        """Return the held tickets before this one, the speaker's first."""
        try:
            with self._locked():
                return [each for each in self._held() if each < self.ticket]
        except OSError:
            return []  # without a queue there is no waiting

    def is_first(self) -> bool:
        """Return whether no held ticket precedes this one."""
        if self._next_to is not None and self._is_held(self._next_to):
            return False
        ahead = self.ahead()
        self._next_to = ahead[-1].name if ahead else None
        return not ahead

    @property
    def is_released(self) -> bool:
        """Whether the place was given up."""
        return self._released

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until this one is first; False if it was released, or after ``timeout_s``."""
        ends_at = inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._released and not self.is_first():
            if time.monotonic() >= ends_at:
                return False
            with self._changed:
                self._changed.wait_for(lambda: self._released, POLL_S)
        return not self._released

    def release(self) -> None:
        """Give up the place, so that the next turn begins; idempotent."""
        with self._changed:
            if self._released:
                return
            self._released = True
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            os.unlink(self._path(self.ticket.name))
        os.close(self._descriptor)

    def _take(self, note: str, *, interrupts: bool) -> tuple[Ticket, int]:
        """Make a ticket and hold it; under the lock."""
        held = self._held()
        number, rank = (held[-1].number + 1 if held else 1), 0
        if interrupts and held:
            number = held[0].number
            rank = max(each.rank for each in held if each.number == number) + 1
        ticket = Ticket(f"{number:012}.{rank:06}", note)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path(ticket.name), flags, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, note.encode())
        return ticket, descriptor

    def _held(self) -> list[Ticket]:
        """Return the tickets that are held, in order; clear the others away. Under the lock."""
        held = []
        for name in sorted(os.listdir(self._folder)):
            if name == "lock" or not name.replace(".", "", 1).isdigit():
                continue
            if self._is_held(name):
                held.append(Ticket(name, self._note(name)))
            else:
                with contextlib.suppress(OSError):
                    os.unlink(self._path(name))
        return held

    def _is_held(self, name: str) -> bool:
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._path(name), flags)  # at once, even if it is a pipe
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _note(self, name: str) -> str:
        try:
            with open(self._path(name), "rb") as file:
                return file.read(_MAX_NOTE).decode(errors="replace")
        except OSError:
            return ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock on the queue.

        Raises:
            TimeoutError: another process has held it for too long.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path("lock"), flags, 0o600)
        try:
            ends_at = time.monotonic() + _LOCK_S
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= ends_at:
                        raise TimeoutError("the queue of voices is locked") from None
                    time.sleep(0.001)
            yield
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)
