"""Hands a command line to the resident, if one runs; the standard library only.

The resident does the work with this process's streams, folder and environment. This process
passes on signals and keys, and exits with the work's status.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time

from voicecli.control.resident.wire import (
    READY_S,
    SOCKET_NAME,
    read_lines,
    send_call,
    send_line,
    stamp,
)
from voicecli.control.runtime import (
    RuntimeFolderError,
    is_peer_ours,
    runtime_folder,
    socket_address,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from voicecli.control.keys import TerminalKeys

COMMANDS = ("say", "play")
"""The commands that the resident does; those that control speech are quick anyway."""

KEYS = (" ", "right", "left", "+", "=", "-", "[", "]", "q", "?")


class Refused(Exception):
    """There is no resident, or it does not serve this command; the message says why."""


def call(argv: list[str], started_at: float) -> int | None:
    """Let the resident do a command line, and return its exit status.

    ``started_at`` is when this process began to run, on the clock of `time.monotonic`.

    Returns None if no resident runs.

    Raises:
        Refused: it does not serve this command; do it here.
    """
    try:
        connection = _connect()
    except (FileNotFoundError, ConnectionRefusedError, RuntimeFolderError):
        return None
    except OSError as error:
        raise Refused(str(error)) from error
    with connection:
        lines = _agree(connection, argv, started_at)
        return _Call(connection).follow(lines)


def _connect() -> socket.socket:
    path = os.path.join(runtime_folder(), SOCKET_NAME)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(READY_S)
        with socket_address(path) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    if not is_peer_ours(connection):
        connection.close()
        raise Refused("it is another user's")
    return connection


def _agree(connection: socket.socket, argv: list[str], started_at: float) -> Iterator[bytes]:
    """Send the call, and wait until a worker is ready for it; return what it will say."""
    ends_at = time.monotonic() + READY_S
    umask = os.umask(0o077)
    os.umask(umask)
    what = {
        "stamp": stamp(),
        "executable": sys.executable,
        "argv": argv,
        "environ": dict(os.environ),
        "umask": umask,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "started_at": started_at,
    }
    lines = read_lines(connection)
    try:
        _await_hello(lines)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            send_call(connection, what, [0, 1, 2, folder])
        finally:
            os.close(folder)
        connection.settimeout(max(0.001, ends_at - time.monotonic()))
        answer = json.loads(next(lines, b"{}"))
        if "ready" not in answer:
            raise Refused(str(answer.get("refused", "it gave no reason")))
        connection.settimeout(None)
        connection.sendall(b"go\n")
    except TimeoutError:
        raise Refused(f"it has not answered for {READY_S * 1e3:.0f} ms") from None
    except (OSError, ValueError) as error:
        raise Refused(str(error)) from error
    return lines


def _await_hello(lines: Iterator[bytes]) -> None:
    if "hello" not in json.loads(next(lines, b"{}")):
        raise Refused("it has no worker")


class _Call:
    """A command line that a worker does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._keys: TerminalKeys | None = None

    def follow(self, lines: Iterator[bytes]) -> int:
        """Pass on signals and keys until the worker has ended; return its exit status."""
        self._pass_on_signals()
        try:
            with contextlib.suppress(OSError, ValueError):
                for line in lines:
                    said = json.loads(line)
                    if "exit" in said:
                        return int(said["exit"])
                    if "keys" in said:
                        self._read_keys()
        finally:
            if self._keys is not None:
                self._keys.close()
        print("voicecli: error: the resident has ended", file=sys.stderr)  # noqa: T201
        return 1

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._connection.sendall(line.encode() + b"\n")

    def _pass_on_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._pass_on)
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            signal.signal(signal.SIGTSTP, self._suspend)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._send(f"signal {number}")

    def _suspend(self, number: int, _: FrameType | None) -> None:
        """Let Ctrl-Z stop the sound as well."""
        self._send("suspend")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, until SIGCONT
        signal.signal(number, self._suspend)
        self._send("continue")

    def _read_keys(self) -> None:
        from voicecli.control.keys import TerminalKeys  # noqa: PLC0415  on a terminal

        def press(key: str) -> Any:
            return lambda: self._send(f"key {key}")

        self._keys = TerminalKeys(
            {key: press(key) for key in KEYS},
            pause=lambda: self._send("suspend"),
            resume=lambda: self._send("continue"),
        )
        self._keys.start()


def send_request(**request: object) -> dict[str, Any] | None:
    """Ask the resident itself something; None if there is none.

    ``status=True`` or ``stop=True``.
    """
    try:
        with _connect() as connection:
            connection.settimeout(2.0)
            lines = read_lines(connection)
            _await_hello(lines)
            call_ = {"stamp": stamp(), "request": request, "environ": dict(os.environ)}
            send_call(connection, call_, [0, 1, 2, 2])
            answer = json.loads(next(lines, b"null"))
            return answer if isinstance(answer, dict) else None
    except (OSError, ValueError, Refused):
        return None


__all__ = ["COMMANDS", "Refused", "call", "send_line", "send_request"]
