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

_HEADER_BYTES = 20
"""Of a message in PulseAudio's protocol; the first four say how much follows."""


@contextlib.contextmanager
def far_link(sound: SoundServer, delay_s: float, apart_s: float = 0.0) -> Iterator[str]:
    """Give a PULSE_SERVER that reaches ``sound`` with ``delay_s`` more in either direction.

    The server's messages arrive one by one, at least ``apart_s`` apart.
    """
    link = _Link(f"{sound.folder}/far", f"{sound.folder}/native", delay_s, apart_s)
    link.start(link.accept)
    try:
        yield f"unix:{sound.folder}/far"
    finally:
        link.close()


class _Link:
    def __init__(self, path: str, target: str, delay_s: float, apart_s: float) -> None:
        self._target, self._delay_s, self._apart_s = target, delay_s, apart_s
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
                for source, target, apart_s in ((near, far, 0.0), (far, near, self._apart_s)):
                    due: Due = queue.Queue()
                    self.start(self._receive, source, due)
                    self.start(self._send, target, due, apart_s)

    def _receive(self, source: socket.socket, due: Due) -> None:
        data = b"any"
        while data:
            try:
                data = source.recv(_CHUNK_BYTES)
            except OSError:
                data = b""
            due.put((time.monotonic() + self._delay_s, data))

    def _send(self, target: socket.socket, due: Due, apart_s: float) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while True:
                at, data = due.get()
                time.sleep(max(0.0, at - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_RDWR)
                    return
                if not apart_s:
                    target.sendall(data)
                    continue
                waiting += data
                while message := _first_message(waiting):
                    target.sendall(message)
                    waiting = waiting[len(message) :]
                    time.sleep(apart_s)

    def close(self) -> None:
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the threads
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()


def _first_message(data: bytes) -> bytes:
    """Return the first message, or nothing if it is not complete."""
    length = _HEADER_BYTES + int.from_bytes(data[:4], "big")
    return data[:length] if _HEADER_BYTES <= length <= len(data) else b""
