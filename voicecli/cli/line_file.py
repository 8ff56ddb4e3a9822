"""The files behind ``--event-log`` and ``--trace``: their faults wait until the sound is over."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from voicecli.errors import SaveError

if TYPE_CHECKING:
    from pathlib import Path


class LineFile(io.TextIOBase):
    """A text file for appending that never raises: `error` tells what went wrong first.

    What is written in one call is in the file when the call returns, in one
    piece: several runs may append to one file. ``anew`` drops what it held
    before. After a fault nothing more is written. `write` may be called from any
    thread, one at a time.
    """

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.error: SaveError | None = None
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        if anew:
            flags |= os.O_TRUNC
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            self._fail(error)

    def write(self, text: str, /) -> int:
        """Append ``text``; characters that are none (undecodable file names) as JSON escapes."""
        data = text.encode("utf-8", errors="backslashreplace")
        try:
            while data and self._descriptor is not None and self.error is None:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._fail(error)
        return len(text)

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()

    def _fail(self, error: OSError) -> None:
        self.error = SaveError(f"cannot write {self._path}: {error.strerror or error}")
