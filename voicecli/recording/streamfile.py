"""Write audio to standard output, a named pipe or a device, as it arrives.

Nothing there can be shortened or patched, so a WAV has a header without sizes, which every
player accepts. If standard output was redirected to a file, its header gets the sizes.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.recording.partfile import save_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.encoding import Encoded, Encoder

STANDARD_OUTPUT = Path("-")
"""The path that stands for standard output."""


class ReaderGone(SaveError):
    """The program that read the audio has exited; that is not an error here."""


def is_stream(path: Path) -> bool:
    """Return whether audio is written to a path as it arrives: ``-``, a pipe or a device."""
    if path == STANDARD_OUTPUT:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


class StreamFile:
    """An open descriptor for audio; waits for the reader of a named pipe.

    Raises:
        SaveError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with save_errors(path):
            if path == STANDARD_OUTPUT:
                if sys.stdout is None:
                    raise SaveError("cannot write standard output: it is closed")
                sys.stdout.flush()
                self._file: int | None = os.dup(sys.stdout.fileno())
            else:
                self._file = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
            self._start = self._position(self._file)

    @staticmethod
    def _position(file: int) -> int | None:
        """Return the offset in a file whose beginning can be written again, else None."""
        is_appending = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_APPEND
        if is_appending or not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        return os.lseek(file, 0, os.SEEK_CUR)

    def write(self, data: bytes) -> None:
        """Write all of ``data``, however long the reader takes.

        Raises:
            ReaderGone: the reader has exited.
            SaveError: for example, the disk is full.
        """
        assert self._file is not None, "the file is closed"
        with save_errors(self.path):
            while data:
                try:
                    data = data[os.write(self._file, data) :]
                except BrokenPipeError as error:
                    raise ReaderGone("the program that read the audio has exited") from error
                except BlockingIOError:  # the process that made the pipe set O_NONBLOCK
                    select.select([], [self._file], [])

    def patch(self, header: bytes) -> None:
        """Write the first bytes again if that is possible.

        Raises:
            SaveError: it is possible, and failed.
        """
        if self._file is not None and self._start is not None:
            with save_errors(self.path):
                os.pwrite(self._file, header, self._start)

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None


class StreamWriter:
    """Writes the output of an encoder to a stream, at once."""

    def __init__(self, file: StreamFile, encoder: Encoder, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._file = file
        self._encoder = encoder
        self._has_failed = False

    def write(self, samples: Samples) -> None:
        """Write frames of shape (frames, channels), int16 or float32.

        Raises:
            SaveError: as `StreamFile.write`.
        """
        self._write(self._encoder.feed(samples))

    def truncate_to(self, frames: int) -> None:
        """Do nothing: what was written may have been heard at the other end."""

    def end(self) -> None:
        """Write the end of the stream.

        Raises:
            SaveError: as `StreamFile.write`.
        """
        if self._has_failed:
            return
        self._write(self._encoder.flush())
        if (header := self._encoder.header_patch()) is not None:
            self._file.patch(header)

    def finish(self) -> None:
        """Close the stream."""
        self._file.close()

    def measure(self) -> dict[str, float | None] | None:
        """Return None: what was written cannot be read again."""

    def _write(self, chunks: Iterable[Encoded]) -> None:
        try:
            for chunk in chunks:
                self._file.write(chunk.data)
        except SaveError:
            self._has_failed = True
            raise
