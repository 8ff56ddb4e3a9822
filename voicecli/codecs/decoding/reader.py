"""Decoders written as one generator that reads its stream from top to bottom."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.errors import TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from voicecli.audio.pcm import Pcm

    _T = TypeVar("_T")
    Reading: TypeAlias = Generator[Pcm | None, None, _T]


class ReadingDecoder(PushDecoder):
    """A decoder whose subclass reads bytes as from a file.

    `_read` yields blocks, and None where more bytes must arrive first. Between two
    None the buffer does not change; ``_at`` is the read position in it.

    Args:
        name: of the format, for messages.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._buffer = b""
        self._at = 0
        self._all_in = False
        self._reading = self._read()

    @abstractmethod
    def _read(self) -> Reading[None]:
        """Yield the blocks of the whole stream, and None for more bytes."""

    def _push(self, data: bytes) -> Iterator[Pcm]:
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        for pcm in self._reading:
            if pcm is None:
                return
            yield pcm

    def _finish(self) -> Iterator[Pcm]:
        self._all_in = True
        for pcm in self._reading:
            assert pcm is not None, "waits for bytes that cannot come"
            yield pcm

    @property
    def _ahead_bytes(self) -> int:
        return len(self._buffer) - self._at

    def _peek(self, size_bytes: int) -> bytes:
        return self._buffer[self._at : self._at + size_bytes]

    def _take(self, size_bytes: int) -> bytes:
        taken = self._peek(size_bytes)
        self._at += size_bytes
        return taken

    def _wait(self, size_bytes: int) -> Reading[None]:
        """Wait until that many bytes lie ahead, or all there are."""
        while self._ahead_bytes < size_bytes and not self._all_in:
            yield None

    def _need(self, size_bytes: int) -> Reading[None]:
        """Wait for bytes of a header.

        Raises:
            TruncatedStream: the stream ends first.
        """
        while self._ahead_bytes < size_bytes:
            if self._all_in:
                raise TruncatedStream(f"the {self._name} stream ends inside its header")
            yield None

    def _skip(self, size_bytes: int) -> Reading[None]:
        """Skip bytes of a header without holding them: a cover picture may have megabytes."""
        while size_bytes > self._ahead_bytes:
            size_bytes -= self._ahead_bytes
            self._at = len(self._buffer)
            yield from self._need(1)
        self._at += size_bytes
