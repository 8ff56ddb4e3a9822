"""A sound server that is far away: its socket behind a relay that delays every byte."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sound_server import SoundServer

    Due = queue.Queue[tuple[float, bytes]]

_CHUNK_BYTES = 65_536


@contextlib.contextmanager
def far_link(sound: SoundServer, delay_s: float) -> Iterator[str]:
    """Give a PULSE_SERVER that reaches ``sound`` with ``delay_s`` more in either direction."""
    link = _Link(f"{sound.folder}/far", f"{sound.folder}/native", delay_s)
    link.start(link.accept)
    try:
        yield f"unix:{sound.folder}/far"
    finally:
        link.close()


class _Link:
    def __init__(self, path: str, target: str, delay_s: float) -> None:
        self._target, self._delay_s = target, delay_s
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._sockets = [self._listener]
        self._listener.bind(path)
        self._listener.listen()

    def start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                self._sockets += [near, far]
                far.connect(self._target)
                for source, target in ((near, far), (far, near)):
                    due: Due = queue.Queue()
                    self.start(self._receive, source, due)
                    self.start(self._send, target, due)

    def _receive(self, source: socket.socket, due: Due) -> None:
        data = b"any"
        while data:
            try:
                data = source.recv(_CHUNK_BYTES)
            except OSError:
                data = b""
            due.put((time.monotonic() + self._delay_s, data))

    def _send(self, target: socket.socket, due: Due) -> None:
        with contextlib.suppress(OSError):
            while True:
                at, data = due.get()
                time.sleep(max(0.0, at - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)

    def close(self) -> None:
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the threads
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()
