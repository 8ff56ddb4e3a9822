"""The socket on which a speaking process takes commands."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from typing import TYPE_CHECKING

from voicecli.control.protocol import MAX_LINE_BYTES, ProtocolError, failure
from voicecli.control.runtime import RuntimeFolderError, is_peer_ours, socket_address
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

MAX_CLIENTS = 16
"""Connections at once; a further one closes the one that has been silent for the longest."""

_BACKLOG = 128
"""Connections that may wait to be accepted; a further one is refused at once."""

IDLE_S = 60.0
"""How long a connection may be silent."""

_CLOSE_S = 1.0


class _Client:
    """A connection, the incomplete line that arrived on it, and when it last sent anything."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.active_at = time.monotonic()


class ControlServer:
    """Answers lines on a Unix socket, on a thread of its own, until `close`.

    ``handle`` returns the answer to a line, on that thread; it must be quick. The socket
    appears under ``path`` once it is ready. Only processes of this user are answered.

    Raises:
        RuntimeFolderError: there can be no socket at ``path``.
        OSError: no more files can be opened; nothing is left behind.
    """

    def __init__(self, path: str, handle: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._handle = handle
        with contextlib.ExitStack() as undo:
            self._listener = undo.enter_context(_listen(path))
            undo.callback(os.unlink, path)
            self._wake, self._woken = socket.socketpair()
            undo.callback(self._woken.close)
            undo.callback(self._wake.close)
            self._selector = selectors.DefaultSelector()
            undo.pop_all()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}
        self._closing = False
        self._thread: threading.Thread = spawn_daemon(self._serve, "voicecli-control")

    def close(self) -> None:
        """Remove the socket, and end the thread; idempotent."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self._wake.send(b"x")
        self._thread.join(_CLOSE_S)
        # Here, not on the thread: it may have ended before it is woken.
        self._wake.close()
        self._woken.close()

    def _serve(self) -> None:
        while not self._closing:
            ready = self._selector.select(IDLE_S if self._clients else None)
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._clients:  # it may have been dropped for another
                    self._read(self._clients[key.fileobj])
            self._drop_idle()
        for client in [*self._clients.values()]:
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it has gone already, or no descriptor is left
            return
        if not is_peer_ours(connection):
            connection.close()
            return
        if len(self._clients) >= MAX_CLIENTS:
            self._drop(min(self._clients.values(), key=lambda each: each.active_at))
        connection.setblocking(False)
        self._clients[connection] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(MAX_LINE_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.active_at = time.monotonic()
        *lines, client.received = (client.received + data).split(b"\n")
        answers = [self._handle(line) for line in lines if line.strip()]
        if any(len(line) > MAX_LINE_BYTES for line in lines):
            self._answer(client, answers)
            self._drop(client)
            return
        if len(client.received) > MAX_LINE_BYTES:
            error = ProtocolError("too_long", f"a line has at most {MAX_LINE_BYTES} bytes")
            answers.append(failure(error))
            client.received = b""
            self._answer(client, answers)
            self._drop(client)
            return
        self._answer(client, answers)

    def _answer(self, client: _Client, answers: list[bytes]) -> None:
        """Send answers; drop a client that does not read them."""
        try:
            client.connection.sendall(b"".join(answers))
        except OSError:
            self._drop(client)

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for client in [*self._clients.values()]:
            if now - client.active_at > IDLE_S:
                self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection, None) is not None:
            self._selector.unregister(client.connection)
            client.connection.close()


def _listen(path: str) -> socket.socket:
    """Return a socket that listens at ``path``; it appears there once it does.

    A socket there that refuses connections therefore belongs to a process that has ended.
    """
    folder, name = os.path.split(path)
    hidden = os.path.join(folder, f".{name}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden)
        with socket_address(hidden) as address:
            listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        os.rename(hidden, path)
    except OSError as error:
        listener.close()
        raise RuntimeFolderError(f"cannot listen at {path}: {error.strerror or error}") from error
    return listener
