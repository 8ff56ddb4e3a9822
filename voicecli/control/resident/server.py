"""The resident: keep a loaded worker in reserve, and hand it the next command.

The resident itself only loads modules: it has one thread, opens nothing, and so can be
forked safely. Each command has a process of its own, forked ahead of time. That process
may load PortAudio and voices and start threads, all of which end with it. The resident
never reads what a command sends; only the worker does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING, NoReturn

from voicecli.control.resident.wire import send_line
from voicecli.control.runtime import is_peer_ours
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[socket.socket, frozenset[str]], NoReturn]
    """The work of a worker: it takes a connection from the socket, and ends the process."""

RESERVE_AFTER_S = 0.3
"""Delay of the next fork after a command began, which it must not slow down."""

MAX_WORKERS = 64
"""Commands served at once; further ones run in their own process."""


class _Worker:
    """A process that serves one command; ``connection`` is the command's, once it has one."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.connection: socket.socket | None = None


class Resident:
    """Serves commands at ``listener`` until it has been idle for ``idle_s``, or is stopped.

    ``work`` is what a worker does with its end of a socket; it gets what the last worker
    found useful (see `voicecli.control.resident.worker`). ``on_stop`` is called when
    no more commands are taken.
    """

    def __init__(
        self,
        listener: socket.socket,
        work: Work,
        idle_s: float,
        *,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._listener = listener
        self._work = work
        self._idle_s = idle_s
        self._on_stop = on_stop
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Worker] = {}
        self._reserve: _Worker | None = None
        self._reserve_at: float | None = None
        self._useful: frozenset[str] = frozenset()
        self._calls = 0
        self._began_at = self._active_at = time.monotonic()
        self._stopping = False

    def run(self, useful: frozenset[str] = frozenset()) -> None:
        """Serve until the end, then until busy workers have finished."""
        self._useful = useful
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        self._selector.register(reader, selectors.EVENT_READ, lambda: os.read(reader, 512))
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop())
        gc.collect()
        gc.freeze()  # so that collecting garbage in a worker copies no pages
        self._fork()
        while not (self._stopping and not self._workers):
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._reap()
            self._keep_reserve()

    def stop(self) -> None:
        """Take no more commands, and end when those under way have."""
        if self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._listener)
        self._listener.close()
        self._on_stop()
        if self._reserve is not None:
            self._forget(self._reserve)  # it ends when its channel is closed
            self._reserve = None

    def _wait_s(self) -> float | None:
        now = time.monotonic()
        if self._stopping:
            return None
        if self._reserve_at is not None:
            return max(0.0, self._reserve_at - now)
        return None if self._workers else max(0.0, self._active_at + self._idle_s - now)

    def _keep_reserve(self) -> None:
        now = time.monotonic()
        if self._workers:
            self._active_at = now
        elif now >= self._active_at + self._idle_s:
            self.stop()
        if self._stopping or self._reserve is not None or self._reserve_at is None:
            return
        if now >= self._reserve_at:
            self._fork()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if not is_peer_ours(connection) or len(self._workers) >= MAX_WORKERS:
            connection.close()
            return
        if self._reserve is None:
            self._fork()
        worker, self._reserve = self._reserve, None
        self._reserve_at = time.monotonic() + RESERVE_AFTER_S
        if worker is None:
            connection.close()
            return
        about = {
            "pid": os.getpid(), "calls": self._calls, "at_once": len(self._workers) + 1,
            "runs_s": round(time.monotonic() - self._began_at, 1), "idle_s": self._idle_s,
        }  # fmt: skip
        worker.connection = connection
        self._workers[worker.pid] = worker
        try:
            socket.send_fds(worker.channel, [json.dumps(about).encode()], [connection.fileno()])
        except OSError:  # it has died; `_reap` tells the command
            return

    def _fork(self) -> None:
        """Make the worker that will serve the next command."""
        self._reserve_at = None
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:  # no memory; the commands do their work themselves
            ours.close()
            theirs.close()
            return
        if pid == 0:
            self._become_worker(ours, theirs)
        theirs.close()
        worker = _Worker(pid, ours)
        ours.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._receive(worker))
        self._reserve = worker

    def _become_worker(self, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        """Close everything that belongs to the resident, and work."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setpgid(0, 0)
            ours.close()
            self._listener.close()
            for worker in self._workers.values():
                worker.channel.close()
                if worker.connection is not None:
                    worker.connection.close()
            for key in [*self._selector.get_map().values()]:
                if isinstance(key.fileobj, int):
                    os.close(key.fileobj)
            self._selector.close()
            self._work(theirs, self._useful)
        except KeyboardInterrupt:  # between what the command line does itself about it
            os._exit(ExitStatus.INTERRUPTED)
        finally:
            os._exit(ExitStatus.INTERNAL)

    def _receive(self, worker: _Worker) -> None:
        """Read a worker's message: a request to stop, or that its command is done."""
        try:
            data = worker.channel.recv(4096)
        except OSError:
            data = b""
        for line in data.split(b"\n"):
            if line == b"stop":
                self.stop()
            elif line.partition(b" ")[0] == b"useful":  # its command is done
                self._calls += 1
                self._useful = frozenset(line.decode(errors="replace").split()[1:9])
        if not data:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(worker.channel)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            if self._reserve is not None and self._reserve.pid == pid:
                self._forget(self._reserve)
                self._reserve = None  # the next command has another one made
            elif (worker := self._workers.pop(pid, None)) is not None:
                self._active_at = time.monotonic()
                self._receive(worker)  # its last messages
                self._forget(worker)
                if worker.connection is not None:
                    with contextlib.suppress(OSError), worker.connection as connection:
                        connection.settimeout(0.1)
                        send_line(connection, "exit", code if code >= 0 else 128 - code)

    def _forget(self, worker: _Worker) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.channel)
        worker.channel.close()
