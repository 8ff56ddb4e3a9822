"""The folder for one user's sockets and locks, and the identity of a socket's peer.

Imports the standard library only, and little of it: short commands begin here.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping

_LOCAL_PEERCRED = 1
"""Option of macOS, at level 0; see unix(4) there."""


_MAX_ADDRESS = 100
"""Bytes in the address of a socket: 108 on Linux, 104 on macOS, with the end mark."""


class RuntimeFolderError(OSError):
    """There is no folder that only this user can enter; the message says why."""


def runtime_folder(environ: Mapping[str, str] | None = None) -> str:
    """Return the user's runtime folder, and make it if it is missing.

    It is ``voicecli`` in ``$XDG_RUNTIME_DIR``, unless that belongs to another user (as
    after ``sudo``), else ``voicecli-UID`` in ``$TMPDIR`` or ``/tmp``.

    Raises:
        RuntimeFolderError: it cannot be made, belongs to another user, is a link, or others
            may enter it.
    """
    path = _path_of(os.environ if environ is None else environ)
    try:
        try:
            os.mkdir(path, 0o700)
            os.chmod(path, 0o700)  # whatever the umask removed
        except FileExistsError:
            pass
        found = os.lstat(path)
    except OSError as error:
        raise RuntimeFolderError(f"cannot use {path}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise RuntimeFolderError(f"{path} is not a folder")
    if found.st_uid != os.geteuid():
        raise RuntimeFolderError(f"{path} belongs to another user")
    if found.st_mode & 0o077:
        raise RuntimeFolderError(f"other users may enter {path}; run: chmod 700 {path}")
    return path


def _path_of(environ: Mapping[str, str]) -> str:
    base = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(base):
        try:
            if os.stat(base).st_uid == os.geteuid():
                return os.path.join(base, "voicecli")
        except OSError:
            pass
    temporary = environ.get("TMPDIR", "")
    if not os.path.isabs(temporary):
        temporary = "/tmp"  # noqa: S108  the name in it is checked
    return os.path.join(temporary, f"voicecli-{os.geteuid()}")


def make_subfolder(folder: str, name: str) -> str:
    """Return a folder in the runtime folder, made if it is missing.

    Raises:
        RuntimeFolderError: it cannot be made.
    """
    path = os.path.join(folder, name)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise RuntimeFolderError(f"cannot use {path}: {error.strerror}") from error
    return path


def is_peer_ours(connection: _socket.socket) -> bool:
    """Return whether the process at the other end of a Unix socket runs as this user."""
    import _socket  # noqa: PLC0415  those who only queue need none

    try:
        if sys.platform == "linux":  # struct ucred: pid, uid, gid
            peer = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        else:  # struct xucred: version, uid, ...
            peer = connection.getsockopt(0, _LOCAL_PEERCRED, 76)
    except OSError:
        return False
    return len(peer) >= 8 and int.from_bytes(peer[4:8], sys.byteorder) == os.geteuid()  # noqa: PLR2004


class socket_address:  # noqa: N801  used as a function; contextlib takes 4 ms to import
    """Give the address of a Unix socket at ``path``, which may be longer than addresses are.

    A context manager.

    Raises:
        OSError: the folder cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _MAX_ADDRESS:
            return self._path
        folder, name = os.path.split(self._path)
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}/{name}"

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
