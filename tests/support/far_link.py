"""A sound server that is far away: its socket behind a relay that delays every byte."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sound_server import SoundServer

_CHUNK_BYTES = 65_536


@contextlib.contextmanager
def far_link(sound: SoundServer, delay_s: float) -> Iterator[str]:
    """Give a PULSE_SERVER that reaches ``sound`` with ``delay_s`` more in either direction."""
    path = f"{sound.folder}/far"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        _start(_accept, listener, f"{sound.folder}/native", delay_s)
        yield f"unix:{path}"
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread


def _start(run: object, *arguments: object) -> None:
    threading.Thread(target=run, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def _accept(listener: socket.socket, path: str, delay_s: float) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for source, target in ((near, far), (far, near)):
                due: queue.Queue[tuple[float, bytes]] = queue.Queue()
                _start(_receive, source, due, delay_s)
                _start(_send, target, due)


def _receive(source: socket.socket, due: queue.Queue[tuple[float, bytes]], delay_s: float) -> None:
    data = b"any"
    while data:
        try:
            data = source.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        due.put((time.monotonic() + delay_s, data))


def _send(target: socket.socket, due: queue.Queue[tuple[float, bytes]]) -> None:
    with contextlib.suppress(OSError):
        while True:
            at, data = due.get()
            time.sleep(max(0.0, at - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_RDWR)
                return
            target.sendall(data)
