"""Read single keys from the terminal during speech; imports the standard library only."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
from typing import TYPE_CHECKING, Any, Self

from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

TERMINAL = "/dev/tty"
"""The terminal of this process, wherever its standard streams lead."""

_ESCAPES = {b"\x1b[C": "right", b"\x1b[D": "left", b"\x1bOC": "right", b"\x1bOD": "left"}
"""What arrow keys send, in normal and in application mode (xterm, ctlseqs)."""

_FOREGROUND_S = 0.5
"""Interval at which a background process checks whether it is in the foreground."""

_CLOSE_S = 1.0

_ESCAPE_S = 0.05
"""How long the rest of a sequence may take, over a slow connection."""

_MAX_READ_BYTES = 64

_MAX_SEQUENCE_BYTES = 32
"""Bytes of the longest sequence; text that was pasted may cut one at `_MAX_READ_BYTES`."""


def split_keys(data: bytes) -> Iterator[str]:
    """Yield the names of the keys in what a terminal sent.

    Control characters and unknown sequences are dropped.
    """
    while data:
        length = _escape_length(data) if data.startswith(b"\x1b") else 1
        if not length:
            return
        key, data = data[:length], data[length:]
        if key in _ESCAPES:
            yield _ESCAPES[key]
        elif (name := key.decode("ascii", errors="replace")).isprintable():
            yield name


def _escape_length(data: bytes) -> int:
    """Return the length of the sequence that begins with ESC; 0 if its end is missing.

    ESC [ ends with a byte from @ to ~, ESC O with the byte after it (ECMA-48, 5.4).
    """
    if data[1:2] == b"\x1b":  # a meta key
        return 1
    if data[1:2] == b"[":
        return next((n for n, byte in enumerate(data[2:], 3) if 0x40 <= byte <= 0x7E), 0)  # noqa: PLR2004
    length = 3 if data[1:2] == b"O" else 2
    return length if len(data) >= length else 0


class TerminalKeys:
    """Calls ``press`` with each key's name, on a thread of its own; a context manager.

    The terminal is read without waiting for a line and without an echo, only while this
    process is in its foreground, and is left as it was found: at the end, when the process
    is suspended by Ctrl-Z, and by `restore`. ``pause`` is called before the process is
    suspended, ``resume`` when it goes on. Without a terminal it does nothing.
    """

    def __init__(
        self,
        press: Callable[[str], object],
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        path: str = TERMINAL,
    ) -> None:
        self._press = press
        self._pause = pause
        self._resume = resume
        self._path = path
        self._lock = threading.RLock()  # a signal handler may come in between
        self._descriptor: int | None = None
        self._found: list[Any] | None = None  # while it is ours
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def start(self) -> None:
        """Begin to read keys; in the main thread, else Ctrl-Z is left as it is."""
        with contextlib.suppress(OSError):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        if self._descriptor is None:
            return
        self._wake = os.pipe()
        if threading.current_thread() is threading.main_thread():
            for number, handler in (
                (signal.SIGTSTP, self._suspend),
                (signal.SIGCONT, self._continue),
                (signal.SIGQUIT, self._quit),
            ):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, handler)
        self._acquire()
        self._thread = spawn_daemon(self._read, "voicecli-keys")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restore the terminal, and end the thread; idempotent."""
        if self._descriptor is None or self._wake is None or self._thread is None:
            return
        self.restore()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._wake[1])
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            os.close(self._wake[0])
            os.close(self._descriptor)
        self._descriptor = None

    def restore(self) -> None:
        """Leave the terminal as it was found; any thread or signal handler, idempotent."""
        with self._lock:
            found, self._found = self._found, None
            if found is not None and self._descriptor is not None and self._is_in_front():
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self._descriptor, termios.TCSADRAIN, found)

    def _acquire(self) -> None:
        """Read single keys, if this process is in the foreground."""
        with self._lock:
            if self._found is not None or self._descriptor is None or not self._is_in_front():
                return
            with contextlib.suppress(termios.error):  # the terminal has gone
                found = termios.tcgetattr(self._descriptor)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, _single_keys(found))
                self._found = found

    def _is_in_front(self) -> bool:
        assert self._descriptor is not None
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False

    def _read(self) -> None:
        """Wait for keys until the end; the thread's work."""
        assert self._descriptor is not None
        assert self._wake is not None
        keys, woken = self._descriptor, self._wake[0]
        while True:
            is_ours = self._found is not None
            waits_for = [keys, woken] if is_ours else [woken]
            ready, _, _ = select.select(waits_for, [], [], None if is_ours else _FOREGROUND_S)
            if woken in ready:
                return
            if keys not in ready:
                self._acquire()
                continue
            if not self._is_in_front():  # reading would suspend this process
                self._found = None
                continue
            try:
                data = _read_keys(keys)
            except OSError:
                return
            if not data:
                return
            for key in split_keys(data):
                self._press(key)

    def _suspend(self, number: int, _: FrameType | None) -> None:
        """Pause, restore the terminal, and stop as the shell expects; continue from there."""
        self._pause()
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, until SIGCONT
        signal.signal(number, self._suspend)
        self._acquire()
        self._resume()

    def _quit(self, number: int, _: FrameType | None) -> None:
        """Restore the terminal, and end as SIGQUIT does."""
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _continue(self, *_: object) -> None:
        """Set the terminal again after a stop that could not be handled, such as SIGSTOP."""
        with self._lock:
            if self._found is None or self._descriptor is None or not self._is_in_front():
                return  # `_read` looks again
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, _single_keys(self._found))


def _read_keys(terminal: int) -> bytes:
    """Read what was typed, and the rest of a sequence that comes in pieces."""
    data = os.read(terminal, _MAX_READ_BYTES)
    while len(data) < _MAX_READ_BYTES + _MAX_SEQUENCE_BYTES:
        begin = data.rfind(b"\x1b")
        if begin < 0 or _escape_length(data[begin:]):
            break
        if not select.select([terminal], [], [], _ESCAPE_S)[0]:
            break  # it was the key Esc
        more = os.read(terminal, 1)
        if not more:
            break
        data += more
    return data


def _single_keys(found: list[Any]) -> list[Any]:
    """Return these settings of a terminal (termios(3)) without line editing and echo."""
    ours = [*found]
    ours[3] = found[3] & ~(termios.ICANON | termios.ECHO)
    ours[6] = [*found[6]]
    ours[6][termios.VMIN], ours[6][termios.VTIME] = 1, 0
    return ours
