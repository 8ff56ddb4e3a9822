"""A file that appears under its name only once it is complete.

Until then it is a hidden file in the same folder. Writes are not buffered in this
process, so they survive if it is killed.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from voicecli.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def save_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into a `SaveError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise SaveError(f"cannot save {path}: {error.strerror or error}") from error


class PartFile:
    """A file being written; `finish` puts it in place, `discard` removes it.

    If ``path`` is a symbolic link, the file it points to is replaced and the link
    stays. The folder must exist. Permissions follow the umask. One thread at a
    time. After a `SaveError` from `write_at` or `truncate`, call either.

    Raises:
        SaveError: the file cannot be created, or the target is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve() if path.is_symlink() else path
        self._hidden = self._target.parent / f".voicecli-{os.urandom(4).hex()}{path.suffix}"
        self._file: int | None = None
        with save_errors(path):
            # Root could replace /dev/null by a file, which nobody wants.
            if self._target.exists() and not stat.S_ISREG(self._target.stat().st_mode):
                raise SaveError(f"cannot save {path}: it exists and is not a regular file")
            # O_EXCL does not follow a link that someone planted.
            self._file = os.open(self._hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)

    def write_at(self, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``.

        Raises:
            SaveError: for example, the disk is full; part of it may have been written.
        """
        with save_errors(self.path):
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
                The hidden file is removed, and an existing file is unchanged.
        """
        try:
            self.truncate(size_bytes)
            with save_errors(self.path):
                os.fsync(self._descriptor)
                self._hidden.replace(self._target)
        except SaveError:
            self.discard()
            raise
        self._close()

    def discard(self) -> None:
        """Remove the hidden file. Idempotent, also after `finish`; never raises."""
        if self._file is not None:
            self._close()
            with suppress(OSError):
                self._hidden.unlink()

    @property
    def _descriptor(self) -> int:
        assert self._file is not None, "the file is finished or discarded"
        return self._file

    def _close(self) -> None:
        file, self._file = self._descriptor, None
        with suppress(OSError):  # the data was fsynced, or is being discarded
            os.close(file)
