"""Bytes from a file or from standard input."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from voicecli.errors import SourceError
from voicecli.sources.base import SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

CHUNK_BYTES = 64 * 1024
STDIN = "-"

_FORMATS = {
    ".aac": "aac",
    ".flac": "flac",
    ".mp3": "mp3",
    ".oga": "opus",
    ".ogg": "opus",
    ".opus": "opus",
    ".pcm": "pcm",
    ".raw": "pcm",
    ".wav": "wav",
    ".wave": "wav",
}


class FileSource:
    """A file, or standard input for ``-``, in chunks as they can be read.

    Reads what is there: a pipe that trickles is heard as it trickles.
    ``format`` names the format where magic bytes cannot tell (headerless PCM);
    a known suffix serves as well.
    """

    def __init__(
        self,
        path: str,
        *,
        format: str | None = None,
        rate_hz: int | None = None,
        channels: int | None = None,
    ) -> None:
        self._path = path
        requested = format or _FORMATS.get(Path(path).suffix.lower())
        self._info = SourceInfo(requested, None, rate_hz, channels)
        self._sent: Callable[[], None] | None = None
        self._descriptor: int | None = None
        self._cancelled = False

    @property
    def info(self) -> SourceInfo:
        """What the name and the caller say of the format."""
        return self._info

    @property
    def label(self) -> str:
        """The path, or "standard input"."""
        return "standard input" if self._path == STDIN else self._path

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call when warming; nothing is sent."""
        self._sent = callback

    def warm(self) -> None:
        """Nothing to load, and nothing to send."""
        if self._sent is not None:
            self._sent()

    def __enter__(self) -> Self:
        try:
            if self._path == STDIN:
                self._descriptor = _stdin()
            else:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceError(f"cannot read {self.label}: {error.strerror or error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._path != STDIN and self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield what can be read, until the end or a `cancel`.

        Raises:
            SourceError: the file is empty, or cannot be read on.
        """
        assert self._descriptor is not None, "iterated without being entered"
        is_empty = True
        try:
            while self._readable(self._descriptor):
                chunk = os.read(self._descriptor, CHUNK_BYTES)
                if not chunk:
                    break
                is_empty = False
                yield chunk
        except OSError as error:
            raise SourceError(f"cannot read {self.label}: {error.strerror or error}") from error
        if is_empty and not self._cancelled:
            raise SourceError(f"{self.label} is empty")

    def _readable(self, descriptor: int) -> bool:
        """Wait until a read would return; False once cancelled."""
        while not self._cancelled:
            # A read of a quiet terminal or pipe cannot be woken; a wait with a limit can.
            if select.select([descriptor], [], [], 0.1)[0]:
                return True
        return False

    def cancel(self) -> None:
        """Stop within a tenth of a second; any thread."""
        self._cancelled = True


def _stdin() -> int:
    """Standard input's descriptor, which a program may be started without."""
    if sys.stdin is None:
        raise SourceError("cannot read standard input: it is closed")
    return sys.stdin.fileno()
