"""Bytes from whoever receives them to a decoder that wants to pull."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_BYTES = 1 << 20


class BufferFull(BufferError):
    """More was pushed than the bound allows: wait for room, or push less at a time."""


class StreamClosed(RuntimeError):
    """Something was pushed after ``end_input`` or ``close``."""


class StreamBuffer(io.RawIOBase):
    """A bounded pipe of bytes between threads, a raw binary stream at its reading end.

    Whoever reads it sees a file that cannot seek: ``av.open(buffer)``,
    ``io.BufferedReader(buffer)``. Reads are short: they wait for the first
    byte only, and return what is there. Between two threads of a pipeline, not
    for an event loop's own, except with `write_nowait`.

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
        if max_bytes < 1:  # last: the base class closes what was half made
            raise ValueError("a buffer holds at least one byte")

    @property
    def size(self) -> int:
        """Bytes that wait to be read."""
        return self._size

    def readable(self) -> bool:
        """True: this is what it is for."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    # The writer's end.

    def write(self, data: Buffer, /) -> int:
        """Append all of ``data``, waiting while the buffer is full; return its length.

        Raises:
            StreamClosed: `end_input` or `close` was called, before or meanwhile.
        """
        # Its own copy, unless it is immutable anyway: the caller may reuse the memory.
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
        """Append all of ``data``, or nothing.

        Raises:
            BufferFull: there is not enough room now; nothing was written.
            StreamClosed: `end_input` or `close` was called.
        """
        chunk = memoryview(bytes(data))
        with self._changed:
            self._check_open()
            if self._size + len(chunk) > self._max_bytes:
                raise BufferFull(
                    f"{len(chunk)} bytes do not fit: {self._size} of {self._max_bytes} are taken"
                )
            self._append(chunk)

    def _check_open(self) -> None:
        if self._ended or self.closed:
            raise StreamClosed("the buffer takes nothing any more")

    def _append(self, chunk: memoryview) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._changed.notify_all()

    def end_input(self) -> None:
        """Say that nothing follows: what is there can be read, then reads return nothing."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    # The reader's end.

    def read(self, size: int | None = -1, /) -> bytes:
        """Between one and ``size`` bytes, waiting for the first; b"" at the end.

        With no size, everything up to the end. After `close`, b"".
        """
        if size is None or size < 0:
            return b"".join(iter(lambda: self._take(self._max_bytes), b""))
        return self._take(size)

    def readall(self) -> bytes:
        """Everything up to the end of the input."""
        return self.read()

    def readinto(self, target: Buffer, /) -> int:
        """Read between one byte and ``len(target)`` into ``target``; 0 at the end."""
        view = memoryview(target).cast("B")
        data = self._take(len(view))
        view[: len(data)] = data
        return len(data)

    def _take(self, size: int) -> bytes:
        """Up to ``size`` bytes of the first chunk, waiting for there to be one."""
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

    # Either end, or a third.

    def close(self) -> None:
        """Drop what waits and turn both ends away: reads return b"". Idempotent."""
        if self.closed:
            return
        with self._changed:
            super().close()
            self._chunks.clear()
            self._size = 0
            self._changed.notify_all()
