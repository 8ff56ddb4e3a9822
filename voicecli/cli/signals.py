"""End a run on Ctrl-C and other signals, even if a library hangs in it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING

from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

LIMIT_S = 0.9
"""How long a run may take to end after the first signal, unless it is saving."""

SAVING_LIMIT_S = 30.0
"""How long it may take in all if it is saving."""

_SHOW_CURSOR = b"\x1b[?25h\n"
"""Shows the cursor, which the progress line hides."""


@contextlib.contextmanager
def cancelling(
    cancel: Callable[[], None],
    is_saving: Callable[[], bool],
    before_exit: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the block; a second signal exits at once.

    ``cancel`` asks for the end. ``is_saving`` returns whether files are being finished, which
    is not cut short at once. ``before_exit`` is called before the process is ended. All are
    called on another thread. Other signals are left to their handlers.

    A thread waits for them, because the main one may be stuck in a library that waits for
    a sound server, or in a write to a pipe that nobody reads. It ends the process if the
    block takes longer than `LIMIT_S` after the first signal. After that signal, the thread
    and the handlers stay until the process ends. A signal that is ignored stays so: SIGHUP
    by nohup, SIGINT by a shell that starts a command in the background.
    """
    numbers = unignored(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    watcher = _Watcher(reader, numbers, cancel, is_saving, before_exit)
    watcher.start()
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _left_to_watcher) for number in numbers}
    try:
        yield
    finally:
        watcher.is_over.set()
        if not watcher.has_received.is_set():
            signal.set_wakeup_fd(wakeup)
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(writer)
            watcher.join()


@contextlib.contextmanager
def exiting_on_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process at once, also while a library waits for a sound server.

    For blocks that leave nothing behind. An ignored SIGINT stays ignored.
    """
    previous = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or previous is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def unignored(*numbers: signal.Signals) -> list[signal.Signals]:
    """Return those of some signals that this process was not started to ignore."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


def _left_to_watcher(*_: object) -> None:
    """Do nothing: Python has written the signal's number to the pipe by now."""


class _Watcher(threading.Thread):
    """Reads the numbers of signals from a pipe until that is closed."""

    def __init__(
        self,
        reader: int,
        numbers: Collection[int],
        cancel: Callable[[], None],
        is_saving: Callable[[], bool],
        before_exit: Callable[[], None],
    ) -> None:
        super().__init__(name="signal-watcher", daemon=True)
        self._reader = reader
        self._cancel = cancel
        self._is_saving = is_saving
        self._numbers = numbers
        self._before_exit = before_exit
        self.has_received = threading.Event()
        self.is_over = threading.Event()

    def run(self) -> None:
        while (number := os.read(self._reader, 1)) and number[0] not in self._numbers:
            pass  # a signal that others handle, such as Ctrl-Z
        if not number:
            os.close(self._reader)
            return
        self.has_received.set()
        self._cancel()
        waited_s = 0.0
        while not (has_second := self._has_second(LIMIT_S)):
            if has_second is None:
                os.close(self._reader)
                return
            waited_s += LIMIT_S
            limit_s = SAVING_LIMIT_S if self._is_saving() else LIMIT_S
            if waited_s >= limit_s and not self.is_over.is_set():
                break
        self._before_exit()
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)
        os._exit(ExitStatus.INTERRUPTED)

    def _has_second(self, timeout_s: float) -> bool | None:
        """Wait for another signal; None if the block ended just before the first was noticed."""
        if not select.select([self._reader], [], [], timeout_s)[0]:
            return False
        number = os.read(self._reader, 1)
        return number[0] in self._numbers if number else None
