"""A pipe from a thread that receives bytes to a decoder that reads a file."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import TYPE_CHECKING

from voicecli.streams.base import BufferFull, StreamClosed

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_BYTES = 1 << 20


class StreamBuffer(io.RawIOBase):
    """A bounded pipe of bytes between threads; its reading end is a raw binary stream.

    It reads like a file that cannot seek: ``av.open(buffer)``,
    ``io.BufferedReader(buffer)``. Reads are short: they wait only for the first
    byte and return what is available, b"" at the end and after `close`. On an event
    loop's thread, use `write_nowait`.

    All methods may be called from any thread. At most ``max_bytes`` are held.

    Raises:
        ValueError: ``max_bytes`` is below 1.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._chunks: deque[memoryview] = deque()
        self._size = 0
        self._ended = False
        if max_bytes < 1:  # last: the base class calls close() on a rejected instance
            raise ValueError("a buffer holds at least one byte")

    @property
    def size(self) -> int:
        """Bytes that wait to be read."""
        return self._size

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Append all of ``data``, waiting while the buffer is full; return its length.

        Raises:
            StreamClosed: `end_input` or `close` was called, before or meanwhile.
        """
        # A copy unless it is immutable: the caller may reuse the memory.
        rest = memoryview(bytes(data))
        length = len(rest)
        with self._changed:
            while True:
                self._check_open()
                room = self._max_bytes - self._size
                if room:
                    self._append(rest[:room])
                    rest = rest[room:]
                if not rest:
                    return length
                self._changed.wait()

    def write_nowait(self, data: Buffer, /) -> None:
        """Append all of ``data``, or nothing, without waiting.

        Raises:
            BufferFull: there is not enough room now; nothing was written.
            StreamClosed: `end_input` or `close` was called.
        """
        chunk = memoryview(bytes(data))
        with self._changed:
            self._check_open()
            if self._size + len(chunk) > self._max_bytes:
                raise BufferFull(
                    f"{len(chunk)} bytes do not fit: {self._size} of {self._max_bytes} are in use"
                )
            self._append(chunk)

    def _check_open(self) -> None:
        if self._ended or self.closed:
            raise StreamClosed("write after end_input() or close()")

    def _append(self, chunk: memoryview) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._changed.notify_all()

    def end_input(self) -> None:
        """End the input: reads return what is left, then b""."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def readinto(self, target: Buffer, /) -> int:
        """Read between one byte and ``len(target)`` into ``target``; return 0 at the end."""
        view = memoryview(target).cast("B")
        data = self._take(len(view))
        view[: len(data)] = data
        return len(data)

    def _take(self, size: int) -> bytes:
        """Remove up to ``size`` bytes of the first chunk, waiting for one."""
        with self._changed:
            while not self._chunks and not self._ended and not self.closed:
                self._changed.wait()
            if not self._chunks or not size:
                return b""
            chunk = self._chunks[0]
            if len(chunk) <= size:
                self._chunks.popleft()
            else:
                self._chunks[0] = chunk[size:]
            taken = bytes(chunk[:size])
            self._size -= len(taken)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Drop the contents: reads return b"", writes raise `StreamClosed`. Idempotent."""
        if self.closed:
            return
        with self._changed:
            super().close()
            self._chunks.clear()
            self._size = 0
            self._changed.notify_all()
