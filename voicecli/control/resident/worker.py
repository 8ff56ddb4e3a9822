"""A worker of the resident: it prepares, takes one command, and runs it as its own."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO

from voicecli.control.resident.wire import (
    WireError,
    load_time_variables,
    read_lines,
    receive_call,
    send_line,
    stamp,
)
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.control.resident.wire import Call

CALL_S = 2.0
"""Longest wait for a command to send its call."""

PREPARED_S = 0.2
"""Longest time that a command waits for PortAudio."""


class Program(Protocol):
    """The command line, as the worker uses it."""

    def prepare_sound(self) -> None:
        """Load PortAudio, and note which devices there are."""

    def refresh_sound(self) -> None:
        """Look again if devices have come or gone."""

    def prepare(self, useful: frozenset[str]) -> None:
        """Load whatever else takes time and was useful lately."""

    def refusal(self, environ: dict[str, str]) -> str | None:
        """Return why a command with this environment is refused; None if it is served."""

    def run(self, call: Call, show_keys: Callable[[], None]) -> int:
        """Run a command line, and return its exit status."""

    def useful(self) -> frozenset[str]:
        """Return what the next worker should load."""

    def press(self, key: str) -> None:
        """Carry out a key of the terminal, or ``suspend`` or ``continue``."""


class Worker:
    """Serves one command in this process, which ends with it.

    ``program`` is what runs; ``environ`` is what the resident was started with.
    """

    def __init__(self, channel: socket.socket, program: Program, environ: dict[str, str]) -> None:
        self._channel = channel
        self._program = program
        self._loaded_with = load_time_variables(environ)
        self._has_sound = threading.Event()
        self._has_command = False
        self._resident = os.getppid()

    def work(self, useful: frozenset[str]) -> NoReturn:
        """Prepare, wait for a command, and run it."""
        spawn_daemon(lambda: self._prepare(useful), "prepare")
        data, descriptors, _, _ = socket.recv_fds(self._channel, 4096, 1)
        if not descriptors:  # the resident has ended, or needs no reserve
            os._exit(0)
        self._has_command = True
        connection = socket.socket(fileno=descriptors[0])
        connection.settimeout(CALL_S)
        try:
            send_line(connection, "hello")
            call, streams = receive_call(connection)
            if call.kind != "run":
                self._answer(connection, call.kind, json.loads(data))
                os._exit(0)
            refusal = self._refusal(call)
            if refusal:
                send_line(connection, "refused", refusal)
                os._exit(0)
            send_line(connection, "ready")
            lines = read_lines(connection)
            if next(lines, ("", ""))[0] != "go":
                os._exit(0)
        except (OSError, WireError, ValueError):
            os._exit(0)
        connection.settimeout(None)
        _become(call, streams)
        spawn_daemon(lambda: self._follow(lines), "follow")
        self._program.refresh_sound()
        status = self._program.run(call, lambda: _notify(connection, "keys"))
        with contextlib.suppress(OSError):
            self._channel.send(" ".join(["useful", *self._program.useful()]).encode() + b"\n")
        if os.getppid() != self._resident:  # it was killed, and cannot pass on the exit status
            with contextlib.suppress(OSError):
                send_line(connection, "exit", status)
        # The frames below this one are the resident's: nothing there may see an end.
        if not any(thread.name.startswith("voicecli-") for thread in threading.enumerate()):
            atexit._run_exitfuncs()  # noqa: SLF001  has no public name; PortAudio is closed by one
        os._exit(status)

    def _prepare(self, useful: frozenset[str]) -> None:
        try:
            self._program.prepare_sound()
        finally:
            self._has_sound.set()
        if not self._has_command:  # preparing would slow a command down
            self._program.prepare(useful)

    def _answer(self, connection: socket.socket, kind: str, about: dict[str, Any]) -> None:
        if kind == "stop":
            self._channel.send(b"stop\n")
        send_line(connection, "status", json.dumps({**about, "stamp": stamp()}))

    def _refusal(self, call: Call) -> str | None:
        """Return why a call is not served here; None if it is."""
        theirs, ours = call.stamp, stamp()
        if theirs != ours:
            if _is_newer(theirs, ours):
                self._channel.send(b"stop\n")
                return "it is of an older version, and ends"
            return "it is of another version"
        given = load_time_variables(call.environ)
        for name in sorted({*given, *self._loaded_with}):
            if given.get(name) != self._loaded_with.get(name):
                return f"it was started with another {name}"
        if refusal := self._program.refusal(call.environ):
            return refusal
        # PortAudio moves descriptor 2 to and fro while it loads.
        if not self._has_sound.wait(PREPARED_S):
            return "it is still looking for sound devices"
        return None

    def _follow(self, lines: Iterator[tuple[str, str]]) -> None:
        """Carry out the keys and signals that the command passes on; exit when it ends."""
        with contextlib.suppress(OSError):
            for word, rest in lines:
                if word == "signal" and rest.isdecimal():
                    os.kill(os.getpid(), int(rest))
                elif word == "key":
                    self._program.press(rest)
                elif word in ("suspend", "continue"):
                    self._program.press(word)
        os.kill(os.getpid(), signal.SIGTERM)  # it was killed


def _notify(connection: socket.socket, word: str) -> None:
    with contextlib.suppress(OSError):
        send_line(connection, word)


def _is_newer(theirs: list[str], ours: list[str]) -> bool:
    """Return whether a command's code is newer than the resident's."""

    def numbers(versions: list[str]) -> list[int]:
        return [int(part) for part in "".join(versions).split(".") if part.isdecimal()]

    if theirs[:1] != ours[:1]:
        return numbers(theirs[:1]) > numbers(ours[:1])
    return theirs[1:2] == ours[1:2]  # the same installation, changed since


def _become(call: Call, streams: list[int]) -> None:
    """Take over a command's streams, folder, mask and environment."""
    for number, descriptor in enumerate(streams[:3]):
        os.dup2(descriptor, number)
    os.fchdir(streams[3])
    for descriptor in streams:
        os.close(descriptor)
    os.umask(call.umask)
    os.environ.clear()
    os.environ.update(call.environ)
    sys.stdin = standard_stream(0, sys.__stdin__)
    sys.stdout = standard_stream(1, sys.__stdout__)
    sys.stderr = standard_stream(2, sys.__stderr__)


def standard_stream(number: int, like: TextIO | None) -> TextIO:
    """Open a descriptor as the interpreter opens that standard stream, encoded like ``like``."""
    encoding = getattr(like, "encoding", None) or "utf-8"
    errors = "backslashreplace" if number == 2 else getattr(like, "errors", None) or "strict"  # noqa: PLR2004
    raw = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115
    is_line_by_line = number == 2 or os.isatty(number)  # noqa: PLR2004
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=is_line_by_line)
