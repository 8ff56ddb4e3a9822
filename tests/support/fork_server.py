"""Start ``voicecli`` by forking a process that has imported it already.

Importing takes most of the processor time of a short command, and a test run starts hundreds.
Each is still a process with its own descriptors, environment, folder, threads and sound library:
nothing in here has opened a device, a socket to the outside or a thread (see
`voicecli.cli.resident_program.load`).

::

    test process                        server                 command
    ·, connection, 3 streams      ──►
                                  ◄──   fork: its number   ──►
    arguments, environment, folder      ──────────────────►    become that, and run
                                  ◄──   its exit status    ◄──
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import FileIO
    from typing import Literal

ROOT = Path(__file__).parents[2]

_AT_START = ("PYTHON", "LC_")
_AT_START_NAMES = ("LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LD_PRELOAD")
"""Variables that the interpreter reads when it starts."""


class Process:
    """A forked command; its attributes and methods are those of `subprocess.Popen`.

    Each of its standard streams is a descriptor, DEVNULL or PIPE, as for that class.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> None:
        self.args = ("voicecli", *arguments)
        self.returncode: int | None = None
        theirs_in, self.stdin = _ends(stdin, "wb")
        theirs_out, self.stdout = _ends(stdout, "rb")
        theirs_error, self.stderr = _ends(stderr, "rb")
        streams = [theirs_in, theirs_out, theirs_error]
        self._connection, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_server(), [b"."], [theirs.fileno(), *streams])
        for descriptor, given in zip(streams, (stdin, stdout, stderr), strict=True):
            if descriptor != given:
                os.close(descriptor)
        call = {"argv": self.args, "env": dict(env), "cwd": str(cwd)}
        self._connection.sendall(json.dumps(call).encode() + b"\n")
        self._lines = self._connection.makefile("rb")
        self.pid = int(self._lines.readline())
        self._read: dict[FileIO, bytes] = {}

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        if self.returncode is None and _is_readable(self._connection, 0.0):
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status.

        Raises:
            TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        if self.returncode is None:
            _is_readable(self._connection, timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Close the input, wait for the end of outputs and process, and return the outputs.

        Raises:
            TimeoutExpired: it takes longer. What was read is returned by the next call.
        """
        if self.stdin is not None:
            self.stdin.close()
        ends_at = None if timeout is None else time.monotonic() + timeout
        pipes = [pipe for pipe in (self.stdout, self.stderr) if pipe is not None]
        while unread := [pipe for pipe in pipes if not pipe.closed]:
            left_s = None if ends_at is None else max(0.0, ends_at - time.monotonic())
            ready, _, _ = select.select(unread, [], [], left_s)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            for pipe in ready:
                data = pipe.read(1 << 16)
                self._read[pipe] = self._read.get(pipe, b"") + data
                if not data:
                    pipe.close()
        self.wait(None if ends_at is None else max(0.0, ends_at - time.monotonic()))
        out, error = (
            b"" if pipe is None else self._read[pipe] for pipe in (self.stdout, self.stderr)
        )
        return out, error


def _ends(given: int, mode: Literal["rb", "wb"]) -> tuple[int, FileIO | None]:
    """Return the descriptor for the command, and our end of a pipe."""
    if given == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    if given != subprocess.PIPE:
        return given, None
    reader, writer = os.pipe()
    if mode == "wb":
        return reader, os.fdopen(writer, mode, buffering=0)
    return writer, os.fdopen(reader, mode, buffering=0)


def _is_readable(connection: socket.socket, timeout_s: float | None) -> bool:
    return bool(select.select([connection], [], [], timeout_s)[0])


def can_fork(env: Mapping[str, str]) -> bool:
    """Return whether a command with this environment can be forked rather than started."""
    return _at_start(env) == _at_start(_environment())


@functools.cache
def _server() -> socket.socket:
    """Start the server of this process, which ends with it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
            env=_environment(), cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours


def _environment() -> dict[str, str]:
    """Return the environment of the server, which has no settings of the user's."""
    here = _at_start(os.environ)
    here = {name: value for name, value in here.items() if not name.startswith("PYTHON")}
    here |= {"PATH": os.environ["PATH"], "PYTHONFAULTHANDLER": "1", "PYTHONPATH": str(ROOT)}
    return here


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_AT_START) or name in _AT_START_NAMES
    }


def serve(channel: socket.socket) -> None:
    """Fork a process for each call; return in such a process, once it has become the command."""
    from voicecli.cli.resident_program import load

    load(frozenset())
    gc.freeze()
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    signal.set_wakeup_fd(waker)
    connections: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(connections)
        if channel not in ready:
            continue
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
        if not descriptors:
            os._exit(0)
        connection = socket.socket(fileno=descriptors[0])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            break
        connections[pid] = connection
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        _report(connection, pid)
    for other in (channel, *connections.values()):
        other.close()
    os.close(woken)
    os.close(waker)
    _become(connection, descriptors[1:])


def _report_ends(connections: dict[int, socket.socket]) -> None:
    """Report the exit status of each process that has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with connections.pop(pid) as connection:
                _report(connection, os.waitstatus_to_exitcode(status))


def _report(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # the test has ended
        connection.sendall(b"%d\n" % number)


def _become(connection: socket.socket, streams: list[int]) -> None:
    """Take over the streams, arguments, environment and folder of a command."""
    with connection, connection.makefile("rb") as lines:
        call = json.loads(lines.readline())
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in streams:
        os.close(descriptor)
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["env"])
    sys.argv[:] = call["argv"]

    from voicecli.cli.launch import this_launch
    from voicecli.control.resident.worker import standard_stream

    sys.stdin = standard_stream(0, sys.__stdin__)
    sys.stdout = standard_stream(1, sys.__stdout__)
    sys.stderr = standard_stream(2, sys.__stderr__)
    this_launch.pid, this_launch.parent = os.getpid(), os.getppid()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))

    from voicecli.__main__ import main

    main()
