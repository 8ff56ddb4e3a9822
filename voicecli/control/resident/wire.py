"""What a command and the resident say to each other; the standard library only.

::

    command                                   worker
                                          ◄── {"hello": true}
    CALL: length, JSON, four descriptors  ──►
                                          ◄── {"ready": true}, or {"refused": "why"}
    go                                    ──►
    signal N · key NAME · suspend …       ──►
                                          ◄── {"keys": true}: read the terminal's keys
                                          ◄── {"exit": N}, from the resident itself

Everything but the call is a line. Descriptors are sent only to a worker that said hello: a
queue that nobody serves would keep them open. A command that hears nothing for `READY_S`
does its work itself, and the worker, which hears no ``go`` then, does nothing.
"""

from __future__ import annotations

import json
import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

SOCKET_NAME = "resident"

READY_S = 0.25
"""Longest wait for a worker; without one the command does its work itself."""

MAX_CALL_BYTES = 4 << 20
"""Bound on arguments and environment; Linux has 2 MiB for both."""

DESCRIPTORS = 4
"""Standard input, output and error, and the current folder."""

_MAX_LINE = 4096

_HEADER = struct.Struct("!4sI")
_MAGIC = b"vcr1"

_MATCHING = ("ALSA_", "JACK_", "LC_", "PIPEWIRE_", "PULSE_", "PYTHON", "SNDIO")
_MATCHING_NAMES = frozenset({"LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LD_PRELOAD"})
"""Variables that libraries read when they are loaded, which has been done."""


class WireError(Exception):
    """The other side said something else than was agreed on, or nothing."""


def stamp() -> list[object]:
    """Return what identifies this version of the code."""
    from voicecli import __version__  # noqa: PLC0415  loaded by now

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [__version__, package, os.stat(os.path.join(package, "__init__.py")).st_mtime_ns]


def load_time_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a command and the resident must have in common."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_MATCHING) or name in _MATCHING_NAMES
    }


def send_call(connection: socket.socket, call: dict[str, Any], descriptors: list[int]) -> None:
    """Send a call with its descriptors.

    Raises:
        OSError: the other side has gone, or takes too long.
    """
    body = json.dumps(call).encode()
    socket.send_fds(connection, [_HEADER.pack(_MAGIC, len(body))], descriptors)
    connection.sendall(body)


def receive_call(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a call and its descriptors.

    Raises:
        WireError: it is not a call; its descriptors have been closed.
        OSError: the other side takes too long.
    """
    header, descriptors, _, _ = socket.recv_fds(connection, _HEADER.size, DESCRIPTORS)
    try:
        return _receive(connection, header, len(descriptors)), list(descriptors)
    except (ValueError, WireError) as error:
        for descriptor in descriptors:
            os.close(descriptor)
        raise WireError(str(error)) from error


def _receive(connection: socket.socket, header: bytes, descriptors: int) -> dict[str, Any]:
    if len(header) < _HEADER.size or descriptors != DESCRIPTORS:
        raise WireError("incomplete")
    magic, size = _HEADER.unpack(header)
    if magic != _MAGIC or size > MAX_CALL_BYTES:
        raise WireError("not a call")
    body = b""
    while len(body) < size:
        data = connection.recv(min(size - len(body), 1 << 16))
        if not data:
            raise WireError("incomplete")
        body += data
    call = json.loads(body)
    if not isinstance(call, dict):
        raise WireError("not a call")
    return call


def send_line(connection: socket.socket, **fields: object) -> None:
    """Send an object on a line.

    Raises:
        OSError: the other side has gone.
    """
    connection.sendall(json.dumps(fields).encode() + b"\n")


def read_lines(connection: socket.socket) -> Iterator[bytes]:
    """Yield lines until the other side has gone, or a line is too long.

    Raises:
        OSError: as `socket.recv`.
    """
    rest = b""
    while len(rest) <= _MAX_LINE:
        data = connection.recv(_MAX_LINE)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
