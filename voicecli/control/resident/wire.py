"""The protocol between a command and the resident; standard library only.

::

    command                                   worker
                                          ◄── hello
    CALL: length, fields, descriptors     ──►
                                          ◄── ready, or: refused WHY
    go                                    ──►
    signal N · key NAME · suspend …       ──►
                                          ◄── keys: read the terminal's keys
                                          ◄── exit N, from the resident; if it was killed, from here

Everything but the call is a line: a word and perhaps a text. Descriptors are sent only to a
worker that said hello: an unserved queue would keep them open. A command that gets no answer
for `READY_S` runs in its own process, and the worker, which then gets no ``go``, does nothing.

Importing ``json``, ``socket`` and what they import takes longer than starting the
interpreter, so a command does without them: a call is made of fields that end with NUL,
which neither an argument nor a variable can contain.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator, Mapping, Sequence

SOCKET_NAME = "resident"

READY_S = 0.25
"""Longest wait for a worker; without one the command runs in its own process."""

MAX_CALL_BYTES = 4 << 20
"""Bound on arguments and environment; Linux has 2 MiB for both."""

DESCRIPTORS = 4
"""Standard input, output and error, and the current folder."""

HEADER_BYTES = 8

_MAX_LINE = 4096

_MAGIC = b"vcr2"

_MATCHING = ("ALSA_", "JACK_", "LC_", "PIPEWIRE_", "PULSE_", "PYTHON", "SNDIO")
_MATCHING_NAMES = frozenset({"LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LD_PRELOAD"})
"""Variables that libraries read when they are loaded, which is over by then."""


class WireError(Exception):
    """The other side broke the protocol, or sent nothing."""


class Call:
    """A command line for a worker, or a question to the resident itself.

    ``kind`` is ``run``, ``status`` or ``stop``. ``stamp`` is that of the command's code (see
    `stamp`). ``started_at`` is when its process began, on the clock of `time.monotonic`.
    """

    def __init__(
        self,
        kind: str,
        stamp: Sequence[str],
        argv: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        *,
        umask: int = 0o077,
        pid: int = 0,
        parent: int = 0,
        started_at: float = 0.0,
    ) -> None:
        self.kind = kind
        self.stamp = list(stamp)
        self.argv = list(argv)
        self.environ = dict(environ or {})
        self.umask = umask
        self.pid = pid
        self.parent = parent
        self.started_at = started_at

    def encode(self) -> bytes:
        """Return the fields, each followed by a NUL."""
        numbers = (self.umask, self.pid, self.parent, repr(self.started_at))
        fields = [self.kind, str(len(self.stamp)), *self.stamp, *map(str, numbers)]
        fields += [str(len(self.argv)), *self.argv]
        fields += [f"{name}={value}" for name, value in self.environ.items()]
        return b"".join(os.fsencode(field) + b"\0" for field in fields)

    @staticmethod
    def decode(body: bytes) -> Call:
        """Return the call of these fields.

        Raises:
            WireError: they are not a call.
        """
        fields = iter([os.fsdecode(field) for field in body.split(b"\0")[:-1]])
        try:
            kind = next(fields)
            stamp_ = [next(fields) for _ in range(int(next(fields)))]
            umask, pid, parent = (int(next(fields)) for _ in range(3))
            started_at = float(next(fields))
            argv = [next(fields) for _ in range(int(next(fields)))]
        except (StopIteration, RuntimeError, ValueError):  # a generator turns the first into
            raise WireError("not a call") from None  # the second
        variables = (field.partition("=") for field in fields)
        environ = {name: value for name, _, value in variables}
        return Call(
            kind, stamp_, argv, environ,
            umask=umask, pid=pid, parent=parent, started_at=started_at,
        )  # fmt: skip


def stamp() -> list[str]:
    """Return what identifies this version of the code."""
    import voicecli  # noqa: PLC0415  loaded by now

    module = os.path.abspath(voicecli.__file__)
    changed_at = os.stat(module).st_mtime_ns
    return [voicecli.__version__, os.path.dirname(module), str(changed_at)]


def load_time_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a command and the resident must have in common."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_MATCHING) or name in _MATCHING_NAMES
    }


def send_call(connection: _socket.socket, call: Call, descriptors: Sequence[int]) -> None:
    """Send a call with its descriptors.

    Raises:
        OSError: the other side has gone, or takes too long.
    """
    from _socket import SCM_RIGHTS, SOL_SOCKET  # noqa: PLC0415  a command for the resident only

    body = call.encode()
    header = _MAGIC + len(body).to_bytes(HEADER_BYTES - len(_MAGIC), "big")
    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in descriptors)
    connection.sendmsg([header], [(SOL_SOCKET, SCM_RIGHTS, rights)])
    connection.sendall(body)


def receive_call(connection: _socket.socket) -> tuple[Call, list[int]]:
    """Return a call and its descriptors.

    Raises:
        WireError: it is not a call; its descriptors have been closed.
        OSError: the other side takes too long.
    """
    from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET  # noqa: PLC0415  likewise

    header, ancillary, _, _ = connection.recvmsg(HEADER_BYTES, CMSG_LEN(4 * DESCRIPTORS))
    descriptors = [
        int.from_bytes(data[start : start + 4], sys.byteorder)
        for level, type_, data in ancillary
        if (level, type_) == (SOL_SOCKET, SCM_RIGHTS)
        for start in range(0, len(data) - len(data) % 4, 4)
    ]
    try:
        return Call.decode(_receive(connection, header, len(descriptors))), descriptors
    except (OSError, WireError):
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def _receive(connection: _socket.socket, header: bytes, descriptors: int) -> bytes:
    if len(header) < HEADER_BYTES or descriptors != DESCRIPTORS:
        raise WireError("incomplete")
    magic, size = header[: len(_MAGIC)], int.from_bytes(header[len(_MAGIC) :], "big")
    if magic != _MAGIC or size > MAX_CALL_BYTES:
        raise WireError("not a call")
    body = bytearray()
    while len(body) < size:
        data = connection.recv(min(size - len(body), 1 << 16))
        if not data:
            raise WireError("incomplete")
        body += data
    return bytes(body)


def send_line(connection: _socket.socket, *words: object) -> None:
    """Send a word and its arguments on a line.

    Raises:
        OSError: the other side has gone.
    """
    line = " ".join(map(str, words)).replace("\n", " ")
    connection.sendall(line.encode(errors="replace") + b"\n")


def read_lines(connection: _socket.socket) -> Iterator[tuple[str, str]]:
    """Yield lines until the other side has gone, or a line is too long: a word, and the rest.

    Raises:
        OSError: as `socket.recv`.
    """
    rest = b""
    while len(rest) <= _MAX_LINE:
        data = connection.recv(_MAX_LINE)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            word, _, about = line.decode(errors="replace").partition(" ")
            yield word, about
