"""Find the processes that speak, and send them commands.

Imports the standard library only, and little of it, so that a key press takes effect at once.
"""

from __future__ import annotations

import contextlib
import os
import socket

from voicecli.control.protocol import MAX_LINE_BYTES, ProtocolError, decode, encode
from voicecli.control.runtime import (
    RuntimeFolderError,
    is_peer_ours,
    make_subfolder,
    socket_address,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWER_S = 1.0
"""Longest wait for an answer; a suspended process gives none."""


def speakers_folder(folder: str) -> str:
    """Return the folder of the speakers' sockets, in the runtime folder ``folder``.

    Raises:
        RuntimeFolderError: it cannot be made.
    """
    return make_subfolder(folder, "speakers")


def ask(path: str, command: str, **fields: Any) -> dict[str, Any] | None:
    """Send one command to the speaker at ``path``, and return its answer; None if there is none.

    The socket of a process that has ended is removed. A suspended process is continued
    by stop and resume: it would block the queue otherwise.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        try:
            with socket_address(path) as address:
                connection.connect(address)
            if not is_peer_ours(connection):
                return None
            connection.sendall(encode({"command": command, **fields}))
            if command in ("stop", "resume", "toggle"):
                _wake(_pid_of(path))
            line = b""
            while not line.endswith(b"\n") and len(line) <= MAX_LINE_BYTES:
                data = connection.recv(MAX_LINE_BYTES)
                if not data:
                    break
                line += data
            return decode(line)
        except ConnectionRefusedError:
            _remove(path)
        except (OSError, ProtocolError):
            pass
    return None


def _pid_of(path: str) -> int | None:
    """Return the process that made a socket, from its name."""
    pid = os.path.basename(path).partition("-")[0]
    return int(pid) if pid.isascii() and pid.isdecimal() else None


def _wake(pid: int | None) -> None:
    """Continue a suspended process."""
    if pid is not None and _is_suspended(pid):
        import signal  # noqa: PLC0415  rarely needed

        os.kill(pid, signal.SIGCONT)


def _is_suspended(pid: int | None) -> bool:
    """Return whether a process was stopped, by Ctrl-Z for example; False if it is not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in b"Tt"
    except (OSError, IndexError):
        return False


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def speakers(folder: str) -> dict[str, dict[str, Any]]:
    """Return the status of every process that speaks or waits, by the path of its socket.

    They are in the order in which they began. ``folder`` is the runtime folder.

    Raises:
        RuntimeFolderError: the folder cannot be read.
    """
    where = speakers_folder(folder)
    found: dict[str, dict[str, Any]] = {}
    try:
        names = os.listdir(where)
    except OSError as error:
        raise RuntimeFolderError(f"cannot read {where}: {error.strerror}") from error
    for name in names:
        if name.startswith("."):
            continue
        path = os.path.join(where, name)
        if _is_suspended(pid := _pid_of(path)):
            found[path] = {"pid": pid, "state": "suspended"}
            continue
        answer = ask(path, "status")
        speaker = answer.get("speaker") if answer else None
        if isinstance(speaker, dict):
            found[path] = speaker
        elif os.path.exists(path):  # else it has ended by now
            found[path] = {"pid": pid, "state": "not answering"}
    return dict(sorted(found.items(), key=lambda item: _began_at(item[1])))


def _began_at(speaker: dict[str, Any]) -> float:
    value = speaker.get("began_at")
    return value if isinstance(value, int | float) else 0.0  # no float(): it may be too large


def choose(found: dict[str, dict[str, Any]]) -> str | None:
    """Return the socket of the speaker that a command without ``--all`` applies to.

    That is the one being heard, the latest if there are several. Otherwise it is the first
    that has its turn, or waits for it.
    """
    heard = [path for path, speaker in found.items() if is_heard(speaker)]
    if heard:
        return heard[-1]
    waiting = {path for path, speaker in found.items() if speaker.get("state") == "waiting"}
    return next((path for path in found if path not in waiting), next(iter(found), None))


def is_heard(speaker: dict[str, Any]) -> bool:
    """Return whether a speaker is being heard now, or is paused."""
    return speaker.get("state") in ("playing", "paused", "rebuffering")
