"""The folder for sockets and locks of one user, and who is at the other end of a socket.

Imports the standard library only, and little of it: short commands begin here.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

_LOCAL_PEERCRED = 1
"""Option of macOS, at level 0; see unix(4) there."""


_MAX_ADDRESS = 100
"""Bytes in the address of a socket: 108 on Linux, 104 on macOS, with the end mark."""


class RuntimeFolderError(OSError):
    """There is no folder that only this user can enter; the message says why."""


def runtime_folder(environ: Mapping[str, str] | None = None) -> str:
    """Return the user's runtime folder, and make it if it is missing.

    It is ``voicecli`` in ``$XDG_RUNTIME_DIR``, unless that belongs to somebody else (as
    after ``sudo``), else ``voicecli-UID`` in ``$TMPDIR`` or ``/tmp``.

    Raises:
        RuntimeFolderError: it cannot be made, belongs to another user, is a link, or others
            may enter it.
    """
    path = _path_of(os.environ if environ is None else environ)
    try:
        try:
            os.mkdir(path, 0o700)
            os.chmod(path, 0o700)  # whatever the umask left of it
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


def is_peer_ours(connection: socket.socket) -> bool:
    """Return whether the process at the other end of a Unix socket runs as this user."""
    import socket  # noqa: PLC0415  4 ms, and those who only queue need none
    import struct  # noqa: PLC0415  likewise

    try:
        if sys.platform == "linux":
            size = struct.calcsize("3i")
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            _, uid, _ = struct.unpack("3i", peer)
        else:  # struct xucred: version, uid, ...
            peer = connection.getsockopt(0, _LOCAL_PEERCRED, 76)
            _, uid = struct.unpack_from("2I", peer)
    except (OSError, struct.error):
        return False
    return int(uid) == os.geteuid()


@contextlib.contextmanager
def socket_address(path: str) -> Iterator[str]:
    """Give the address of a Unix socket at ``path``, which may be longer than addresses are.

    Raises:
        OSError: the folder cannot be opened.
    """
    if len(os.fsencode(path)) <= _MAX_ADDRESS:
        yield path
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
