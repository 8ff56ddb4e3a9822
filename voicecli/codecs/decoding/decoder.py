"""What all decoders share: blocks are returned before a fault is raised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from voicecli.errors import DecodeError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicecli.audio.pcm import AudioFormat, Pcm


class PushDecoder(ABC):
    """Implements `voicecli.codecs.decoding.base.Decoder` over two generators.

    A subclass yields blocks from `_push` and `_finish` and raises where it must.
    """

    def __init__(self) -> None:
        self._latest: Pcm | None = None
        self._ended = False
        self.fault: DecodeError | SourceError | None = None
        """What the next call will raise: found by a call that had blocks to return first."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""
        return self._latest.format if self._latest is not None else None

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes as `Decoder.feed`; raise ValueError after `flush`."""
        if self._ended:
            raise ValueError("feed() after flush(): a decoder decodes one stream")
        return self._collect(self._push(data))

    def flush(self) -> list[Pcm]:
        """End the stream as `Decoder.flush`; return nothing if it has ended already."""
        blocks: Iterable[Pcm] = () if self._ended else self._finish()
        self._ended = True
        return self._collect(blocks)

    def _collect(self, blocks: Iterable[Pcm]) -> list[Pcm]:
        if self.fault is not None:
            raise self.fault
        collected: list[Pcm] = []
        try:
            for pcm in blocks:
                self._latest = pcm
                collected.append(pcm)
        except (DecodeError, SourceError) as fault:
            self.fault = fault
            if not collected:
                raise
        return collected

    @abstractmethod
    def _push(self, data: bytes) -> Iterator[Pcm]:
        """Yield the blocks that ``data`` completes."""

    @abstractmethod
    def _finish(self) -> Iterator[Pcm]:
        """Yield the blocks that the end of the stream completes, then raise what is wrong."""
