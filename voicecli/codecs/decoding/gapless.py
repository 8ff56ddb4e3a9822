"""Trim encoder delay and padding from the samples of one file."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Pcm


class GaplessTrimmer:
    """Cuts ``head`` frames from the front and ``tail`` from the end of one file.

    If ``total`` (frames before cutting) is known, only the last ``tail`` frames wait
    for the end; otherwise the newest ``tail`` frames always do. A file that exceeds
    its total was joined or edited after it was tagged: its padding then says nothing
    about its end, and nothing more is cut.
    """

    def __init__(self, head: int = 0, tail: int = 0, total: int | None = None) -> None:
        self._head, self._tail, self._total = head, tail, total
        self._position = 0
        self._held: deque[tuple[int, Pcm]] = deque()

    @property
    def is_short(self) -> bool:
        """Whether the total is known and has not been reached."""
        return self._total is not None and self._position < self._total

    def process(self, pcm: Pcm) -> Iterator[Pcm]:
        """Add a block; yield what certainly is to be heard."""
        self._held.append((self._position, pcm))
        self._position += pcm.frames
        if self._total is not None and self._position > self._total:
            self._total, self._tail = None, 0
        yield from self._release((self._total or self._position) - self._tail)

    def extend_tail(self, frames: int) -> None:
        """Cut more from the end, as the last block states; a known total already counts it."""
        if self._total is None:
            self._tail += frames

    def finish(self, *, cut: bool = False) -> Iterator[Pcm]:
        """End the file; ``cut`` means that its end, and so its padding, is missing."""
        if cut or self.is_short:
            yield from self._release(self._position)
        self._held.clear()

    def _release(self, limit: int) -> Iterator[Pcm]:
        while self._held and self._held[0][0] < limit:
            begin, pcm = self._held.popleft()
            if begin + pcm.frames > limit:
                rest = pcm.with_samples(pcm.samples[limit - begin :])
                self._held.appendleft((limit, rest))
            samples = pcm.samples[max(0, self._head - begin) : limit - begin]
            if len(samples):
                yield pcm.with_samples(samples)
