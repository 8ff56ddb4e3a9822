"""Bytes from a file or from standard input."""

from __future__ import annotations

import os
import select
import sys
from functools import partial
from typing import TYPE_CHECKING

from voicecli.errors import SourceError
from voicecli.sources.base import Response, SourceInfo
from voicecli.sources.trailing_text import audio_before_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.sources.base import RequestEvents

CHUNK_BYTES = 64 * 1024
STDIN = "-"


class FileSource:
    """A file, or standard input for ``-``, in chunks as they become readable.

    ``format`` names the format of data that magic bytes cannot identify, such as
    headerless PCM; ``content_type`` says the same of raw samples other than 16 bits.
    """

    sends_request = False

    def __init__(
        self,
        path: str,
        *,
        format: str | None = None,
        content_type: str | None = None,
        rate_hz: int | None = None,
        channels: int | None = None,
    ) -> None:
        self._path = path
        self._info = SourceInfo(format, content_type, rate_hz, channels, is_file=True)
        self._cancelled = False

    @property
    def label(self) -> str:
        """The path, or "standard input"."""
        return "standard input" if self._path == STDIN else self._path

    def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    def open(self, events: RequestEvents | None = None) -> Response:  # noqa: ARG002  no request
        """Open the file.

        Raises:
            SourceError: it cannot be read; from iterating, also if it is empty.
            CorruptStream: from iterating, if text follows the sound.
        """
        try:
            if self._path == STDIN:
                return Response(self._info, self._sound(_stdin()))
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from error
        return Response(self._info, self._sound(descriptor), partial(os.close, descriptor))

    def cancel(self) -> None:
        """Stop within a tenth of a second; any thread."""
        self._cancelled = True

    def _sound(self, descriptor: int) -> Iterator[bytes]:
        is_raw = self._info.requested == "pcm"
        chunks = self._chunks(descriptor)
        return filter(None, audio_before_text(chunks, is_raw=is_raw, is_file=True))

    def _chunks(self, descriptor: int) -> Iterator[bytes]:
        is_empty = True
        try:
            while self._is_readable(descriptor) and (chunk := os.read(descriptor, CHUNK_BYTES)):
                is_empty = False
                yield chunk
        except OSError as error:
            raise self._unreadable(error) from error
        if is_empty and not self._cancelled:
            raise SourceError(f"{self.label} is empty")

    def _is_readable(self, descriptor: int) -> bool:
        """Wait until a read would return; False once cancelled."""
        while not self._cancelled:
            # A read of a quiet terminal or pipe cannot be woken; a wait with a limit can.
            if select.select([descriptor], [], [], 0.1)[0]:
                return True
        return False

    def _unreadable(self, error: OSError) -> SourceError:
        return SourceError(f"cannot read {self.label}: {error.strerror or error}")


def _stdin() -> int:
    if sys.stdin is None:  # a program may be started without one
        raise SourceError("cannot read standard input: it is closed")
    return sys.stdin.fileno()
