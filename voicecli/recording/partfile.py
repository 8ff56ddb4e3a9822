"""A file that appears under its name only when it is whole; until then it is hidden beside it.

Nothing is buffered in the process: what `PartFile.write_at` has taken is with the
operating system, and outlives a killed process.
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
    """Turn the system's refusals into a `SaveError` that names the file that was asked for."""
    try:
        yield
    except OSError as error:
        raise SaveError(f"cannot save {path}: {error.strerror or error}") from error


class PartFile:
    """A file in the making, which `finish` puts in its place and `discard` removes.

    ``path`` may be a symbolic link: the file it leads to is replaced, the link
    stays. The folder must exist. Permissions follow the umask. Driven by one
    thread at a time. After a `SaveError` from `write_at` or `truncate` either
    end is open.

    Raises:
        SaveError: the folder takes no file, or the target is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve() if path.is_symlink() else path
        self._hidden = self._target.parent / f".voicecli-{os.urandom(4).hex()}{path.suffix}"
        self._file: int | None = None
        with save_errors(path):
            # Replacing /dev/null by a file is within root's rights and nobody's wish.
            if self._target.exists() and not stat.S_ISREG(self._target.stat().st_mode):
                raise SaveError(f"cannot save {path}: it is there and is not a regular file")
            # O_EXCL: a name that someone planted is not followed. 0o666: less the umask.
            self._file = os.open(self._hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def write_at(self, data: bytes, offset: int) -> None:
        """Write all of ``data``, its first byte at ``offset``.

        Raises:
            SaveError: the disk is full, and the like; a part may have been written.
        """
        with save_errors(self.path):
            while data:  # a nearly full disk takes a part, then refuses
                written = os.pwrite(self._descriptor, data, offset)
                data, offset = data[written:], offset + written

    def truncate(self, size_bytes: int) -> None:
        """Let the file end after ``size_bytes``.

        Raises:
            SaveError: the file system refuses.
        """
        with save_errors(self.path):
            os.ftruncate(self._descriptor, size_bytes)

    def finish(self, size_bytes: int) -> None:
        """Put the first ``size_bytes`` under the name, replacing what was there, in one step.

        Raises:
            SaveError: the data does not reach the disk, or the target has become
                a folder; nothing is left behind, and an existing file is as it was.
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
        """Leave no trace; does nothing after `finish` or `discard`. Never raises."""
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
        with suppress(OSError):  # the data was fsynced, or is not wanted
            os.close(file)
