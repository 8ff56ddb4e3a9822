"""Hand a command line to the resident, if one is running; standard library only.

The resident does the work with this process's streams, folder and environment. This process
passes on signals and keys, and exits with the work's status. What it imports decides when
the sound begins, so it takes ``_socket`` and ``_signal``, which are in the interpreter,
rather than the modules around them: those take longer than everything else here.
"""

from __future__ import annotations

import _socket
import os
import sys
import time
from _signal import (  # type: ignore[import-not-found]  # not in typeshed
    SIG_DFL,
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGTERM,
    SIGTSTP,
    getsignal,
    signal,
)

from voicecli.control.resident.wire import (
    READY_S,
    SOCKET_NAME,
    Call,
    read_lines,
    send_call,
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
"""The commands that the resident runs; those that control speech are quick anyway."""

_OWN_PLACES = ("dev/fd/", "dev/tty", "proc/self/", "proc/thread-self/")
"""Where a path means something else in each process."""

_STANDARD_STREAMS = ("fd/0", "fd/1", "fd/2")

_WITH_PATHS = ("VOICECLI_", "SSL")
"""The beginnings of variables that may name files."""

_INTERRUPTED = 130
"""`voicecli.errors.ExitStatus.INTERRUPTED`, which takes longer to import than all of this."""


class Refused(Exception):
    """There is no resident, or it does not serve this command; the message says why."""


def call(argv: list[str], started_at: float) -> int | None:
    """Let the resident run a command line, and return its exit status.

    ``started_at`` is when this process began to run, on the clock of `time.monotonic`.

    Returns None if no resident is running.

    Raises:
        Refused: it does not serve this command; run it here.
    """
    try:
        if _needs_own_descriptors(argv) and os.path.exists(_socket_path()):
            raise Refused("it does not have a descriptor or terminal that is named")
        connection = _connect()
    except (FileNotFoundError, ConnectionRefusedError, RuntimeFolderError):
        return None
    except OSError as error:
        raise Refused(str(error)) from error
    try:
        lines = _agree(connection, argv, started_at)
        return _Call(connection).follow(lines)
    finally:
        connection.close()


def _needs_own_descriptors(argv: list[str]) -> bool:
    """Return whether an argument or a variable names what a worker does not get."""
    values = [value for name, value in os.environ.items() if name.startswith(_WITH_PATHS)]
    values += argv
    values += [argument.partition("=")[2] or argument[2:] for argument in argv]  # --file=, -f
    return any(map(_is_own, values))


def _is_own(text: str) -> bool:
    """Return whether a text has a path of this process's terminal or descriptors above 2."""
    if any(place in text for place in _OWN_PLACES):
        return not text.endswith(_STANDARD_STREAMS)
    if not os.path.exists(text):  # nor do links in a circle
        return False
    folder = os.path.dirname(text)
    if os.path.realpath(folder).startswith("/proc/"):
        return True
    return os.path.islink(text) and _is_own(os.path.join(folder, os.readlink(text)))


def _socket_path() -> str:
    return os.path.join(runtime_folder(), SOCKET_NAME)


def _connect() -> _socket.socket:
    path = _socket_path()
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)  # not inheritable (PEP 446)
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


def _agree(
    connection: _socket.socket, argv: list[str], started_at: float
) -> Iterator[tuple[str, str]]:
    """Send the call, and wait until a worker is ready; return the lines that it will send."""
    ends_at = time.monotonic() + READY_S
    umask = os.umask(0o077)
    os.umask(umask)
    made = Call(
        "run", stamp(), argv, os.environ,
        umask=umask, pid=os.getpid(), parent=os.getppid(), started_at=started_at,
    )  # fmt: skip
    lines = read_lines(connection)
    try:
        _await_hello(lines)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            send_call(connection, made, [0, 1, 2, folder])
        finally:
            os.close(folder)
        connection.settimeout(max(0.001, ends_at - time.monotonic()))
        word, about = next(lines, ("", ""))
        if word != "ready":
            raise Refused(about or "it gave no reason")
        connection.settimeout(None)
        connection.sendall(b"go\n")
    except TimeoutError:
        raise Refused(f"it has not answered for {READY_S * 1e3:.0f} ms") from None
    except OSError as error:
        raise Refused(str(error)) from error
    return lines


def _await_hello(lines: Iterator[tuple[str, str]]) -> None:
    if next(lines, ("", ""))[0] != "hello":
        raise Refused("it has no worker")


class _Call:
    """A command line that a worker runs."""

    def __init__(self, connection: _socket.socket) -> None:
        self._connection = connection
        self._keys: TerminalKeys | None = None

    def follow(self, lines: Iterator[tuple[str, str]]) -> int:
        """Pass on signals and keys until the worker has ended; return its exit status."""
        self._pass_on_signals()
        try:
            for word, about in lines:
                if word == "exit":
                    return int(about)
                if word == "keys":
                    self._read_keys()
        except (OSError, ValueError):
            pass
        finally:
            if self._keys is not None:
                self._keys.close()
        print("voicecli: error: the resident was killed", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED

    def _send(self, line: str) -> None:
        try:
            self._connection.sendall(line.encode() + b"\n")
        except OSError:
            return  # it has ended, which `follow` notices

    def _pass_on_signals(self) -> None:
        for number in (SIGINT, SIGTERM, SIGHUP):
            if getsignal(number) != SIG_IGN:
                signal(number, self._pass_on)
        if getsignal(SIGTSTP) != SIG_IGN:
            signal(SIGTSTP, self._suspend)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._send(f"signal {number}")

    def _suspend(self, number: int, _: FrameType | None) -> None:
        """Let Ctrl-Z stop the sound as well."""
        self._send("suspend")
        signal(number, SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, until SIGCONT
        signal(number, self._suspend)
        self._send("continue")

    def _read_keys(self) -> None:
        from voicecli.control.keys import TerminalKeys  # noqa: PLC0415  on a terminal

        self._keys = TerminalKeys(
            lambda key: self._send(f"key {key}"),
            pause=lambda: self._send("suspend"),
            resume=lambda: self._send("continue"),
        )
        self._keys.start()


def ask(kind: str) -> dict[str, Any] | None:
    """Ask the resident itself for its ``status``, or to ``stop``; None if there is none."""
    import json  # noqa: PLC0415  not for a command that the resident does

    try:
        connection = _connect()
    except (OSError, Refused):
        return None
    try:
        connection.settimeout(2.0)
        lines = read_lines(connection)
        _await_hello(lines)
        send_call(connection, Call(kind, stamp(), environ=os.environ), [0, 1, 2, 2])
        word, about = next(lines, ("", ""))
        answer = json.loads(about) if word == "status" else None
        return answer if isinstance(answer, dict) else None
    except (OSError, ValueError, Refused):
        return None
    finally:
        connection.close()
