"""Bytes that wait to be decoded, and the turns in which they are; pure."""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING

from voicecli.streams.framedecoder import FrameDecoder, slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.streams.frame import AudioFrame

LARGE_BYTES = 1 << 15
"""Chunks from here up are decoded as they are, shorter ones in a row as one."""

JOINED_BYTES = 1 << 18
"""Of short chunks in a turn: more is joined in memory that was not in use, less costs turns."""


class Turn:
    """A stretch of a stream that is decoded in one go; owned by one thread at a time.

    It ends early, leaving pieces undone, when it has taken longer than it should:
    how much a few bytes become is up to whoever made them.
    """

    __slots__ = ("flushed", "is_last", "size", "spent_s", "undone")

    def __init__(self) -> None:
        self.undone: list[bytes] = []
        """The pieces that are not decoded yet; between them the turn may end."""
        self.is_last = False
        """Whether nothing follows, so that the decoder is to be flushed."""
        self.flushed = False
        """Whether it was."""
        self.size = 0
        """Bytes decoded by the latest `run`."""
        self.spent_s = 0.0
        """Seconds that it took."""

    def run(
        self, decoder: FrameDecoder, limit_s: float, clock: Callable[[], float]
    ) -> list[AudioFrame]:
        """Decode pieces until they are done or ``limit_s`` has passed by ``clock``."""
        began = clock()
        frames: list[AudioFrame] = []
        size = 0
        pieces, self.undone = self.undone, []
        for done, piece in enumerate(pieces):
            if done and clock() - began > limit_s:
                self.undone = pieces[done:]
                break
            frames += decoder.feed(piece)
            size += len(piece)
        else:
            if self.is_last:
                frames += decoder.flush()
                self.flushed = True
        self.size = size
        self.spent_s = clock() - began
        return frames


class Backlog:
    """The input of one stream: chunks of any length in, turns of bounded length out.

    Chunks are kept as they are and cut once, so that a file pushed whole costs
    no more than one that comes in parts. One thread at a time.
    """

    __slots__ = ("_offset", "_turn", "chunks", "is_fine", "size")

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        """What was added and not taken; whoever adds, and has no time for `add`, may append."""
        self._offset = 0  # into the first chunk
        self._turn = Turn()  # the latest; what it left undone comes before the chunks
        self.size = 0
        """Bytes not decoded yet, those of a turn under way included."""
        self.is_fine = False
        """Whether the latest turn was one of short chunks, `JOINED_BYTES` at most."""

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        if chunk:
            self.chunks.append(chunk)
            self.size += len(chunk)

    def take(self, size: int, piece_bytes: int, *, ended: bool) -> Turn:
        """The next turn: at most ``size`` bytes, in pieces of at most ``piece_bytes``.

        Where short chunks come first it is `JOINED_BYTES` at most.

        What the turn before left undone comes first, and alone. ``ended`` says
        that nothing will be added: the turn that takes all is then the last. Only one is
        under way at a time.
        """
        turn = self._turn
        if not turn.undone and self.chunks:
            self.is_fine = len(self.chunks[0]) < LARGE_BYTES
            if self.is_fine and size > JOINED_BYTES:
                size = JOINED_BYTES
            if self.size <= size and not self._offset:
                pieces = list(self.chunks)
                self.chunks.clear()
            else:
                pieces = self._cut(size)
            if len(pieces) > 1:
                pieces = joined(pieces)
            if len(pieces) > 1 or len(pieces[0]) > piece_bytes:
                pieces = [piece for part in pieces for piece in slices(part, piece_bytes)]
            turn.undone = pieces
        turn.is_last = ended and not self.chunks
        return turn

    def _cut(self, size: int) -> list[bytes]:
        """The first ``size`` bytes, or all there are, as they were added."""
        parts: list[bytes] = []
        while self.chunks and size > 0:
            chunk = self.chunks[0]
            end = self._offset + size
            if end < len(chunk):
                part, self._offset, size = chunk[self._offset : end], end, 0
            else:
                part, self._offset = chunk[self._offset :] if self._offset else chunk, 0
                self.chunks.popleft()
                size -= len(part)
            parts.append(part)
        return parts

    def settle(self, turn: Turn) -> None:
        """Strike off what a turn did."""
        self.size -= turn.size

    def clear(self) -> None:
        """Drop everything, but what a turn under way has."""
        self.chunks.clear()
        self._turn = Turn()
        self._offset = self.size = 0


def joined(parts: list[bytes]) -> list[bytes]:
    """The same bytes in fewer parts: short ones in a row as one, `LARGE_BYTES` and more as is.

    A part costs about as much to decode alone as so many bytes cost to copy into
    memory that was not in use.
    """
    if max(map(len, parts)) < LARGE_BYTES:
        return [b"".join(parts)]
    whole: list[bytes] = []
    for is_large, run in groupby(parts, lambda part: len(part) >= LARGE_BYTES):
        run_parts = list(run)
        whole += run_parts if is_large else [b"".join(run_parts)]
    return whole
