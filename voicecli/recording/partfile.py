"""A file that appears under its name only once it is complete.

Until then ``hello.wav`` is ``hello.wav.part``, in the same folder and locked. Writes are
not buffered in this process, so what was written survives if it is killed; the next run
that saves to the same name replaces it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".part"
"""What is added to the name of a file that is not complete."""

PRIVATE = 0o600
"""The permissions of files in our own folders."""


@contextmanager
def save_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into a `SaveError` that names ``path``."""
    try:
        yield
    except OSError as error:
        shown = "to standard output" if str(path) == "-" else path
        raise SaveError(f"cannot save {shown}: {error.strerror or error}") from error


def check_destination(path: Path) -> None:
    """Check that a file can be created or replaced, without doing so.

    Raises:
        SaveError: it is a folder or a device, its folder is missing, or we lack the rights.
    """
    with save_errors(path):
        _check_regular(path)
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise SaveError(f"cannot save {path}: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SaveError(f"cannot save {path}: no permission to write to the folder {folder}")


def _check_regular(path: Path) -> None:
    # Root could replace /dev/null with a file.
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SaveError(f"cannot save {path}: it is a folder")
        if not stat.S_ISREG(mode):
            raise SaveError(f"cannot save {path}: it exists and is not a regular file")


def is_locked_by_others(descriptor: int) -> bool:
    """Lock an open file for this run; True if another run has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    return False


class PartFile:
    """A file being written; `finish` puts it in place, `discard` removes it.

    If ``path`` is a symbolic link, the file it points to is replaced and the link
    stays. The folder must exist. Permissions are ``mode``, less the umask. One thread at a
    time. After a `SaveError` from `write_at` or `truncate`, call either.

    Raises:
        SaveError: the file cannot be created, the target is not a regular file, or another
            run is saving to it.
    """

    def __init__(self, path: Path, *, mode: int = 0o666) -> None:
        self.path = path
        self._file: int | None = None
        with save_errors(path):
            check_destination(path)
            self._target = Path(os.path.realpath(path))
            self._part = self._target.with_name(self._target.name + SUFFIX)
            self._file = self._open(mode)
            self._left_bytes = os.fstat(self._file).st_size

    @property
    def left_behind(self) -> Path | None:
        """The part of a recording that a killed run left; the first write replaces it."""
        return self._part if self._left_bytes else None

    def _open(self, mode: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        while True:
            file = os.open(self._part, flags, mode)
            try:
                if self._is_locked(file):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # another run has just put it in place

    def _is_locked(self, file: int) -> bool:
        """Lock the part for this run; return False if it is no longer in its place."""
        info = os.fstat(file)
        is_ours = info.st_uid == os.geteuid() and info.st_nlink <= 1
        if not (stat.S_ISREG(info.st_mode) and is_ours):  # someone else put it there
            raise SaveError(f"cannot save {self.path}: {self._part} is not ours")
        if is_locked_by_others(file):
            raise SaveError(f"cannot save {self.path}: another run is saving to it")
        try:
            return os.path.samestat(info, self._part.stat())
        except FileNotFoundError:
            return False

    def write_at(self, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``.

        Raises:
            SaveError: for example, the disk is full; part of it may have been written.
        """
        with save_errors(self.path):
            if self._left_bytes:
                os.ftruncate(self._descriptor, 0)
                self._left_bytes = 0
            while data:  # a nearly full disk writes a part, then fails
                written = os.pwrite(self._descriptor, data, offset)
                data, offset = data[written:], offset + written

    def read_at(self, size_bytes: int, offset: int) -> bytes:
        """Read what was written.

        Raises:
            SaveError: it cannot be read.
        """
        with save_errors(self.path):
            return os.pread(self._descriptor, size_bytes, offset)

    def truncate(self, size_bytes: int) -> None:
        """Set the size of the file.

        Raises:
            SaveError: the file system refuses.
        """
        with save_errors(self.path):
            os.ftruncate(self._descriptor, size_bytes)

    def finish(self, size_bytes: int) -> None:
        """Put the first ``size_bytes`` in place, atomically replacing an existing file.

        Raises:
            SaveError: the data cannot be written, or the target has become a folder.
                The part is removed, and an existing file is unchanged.
        """
        try:
            self.truncate(size_bytes)
            with save_errors(self.path):
                os.fsync(self._descriptor)
                self._part.replace(self._target)
        except SaveError:
            self.discard()
            raise
        self._close()

    def discard(self) -> None:
        """Remove the part, unless a killed run left it. Idempotent; never raises."""
        if self._file is not None:
            if not self._left_bytes:
                with suppress(OSError):
                    self._part.unlink()
            self._close()

    @property
    def _descriptor(self) -> int:
        assert self._file is not None, "the file is finished or discarded"
        return self._file

    def _close(self) -> None:
        file, self._file = self._descriptor, None
        with suppress(OSError):  # the data was fsynced, or is being discarded
            os.close(file)
