"""What all decoders share: output in bounded steps, and blocks before a fault."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from voicecli.errors import DecodeError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import AudioFormat, Pcm


MAX_STEP_BYTES = 8 << 20
"""Bytes of samples after which a call returns: a few input bytes can expand 30,000-fold."""


class PushDecoder(ABC):
    """Implements `voicecli.codecs.decoding.base.Decoder` over two generators.

    A subclass yields blocks of bounded size from `_push` and `_finish` and raises
    where it must. Generators that have more to yield wait for the next call.
    """

    def __init__(self) -> None:
        self._latest: Pcm | None = None
        self._ended = False
        self._generators: deque[Iterator[Pcm]] = deque()
        self.fault: DecodeError | SourceError | None = None
        """What the next call will raise: found by a call that had blocks to return first."""

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""
        return self._latest.format if self._latest is not None else None

    @property
    def pending(self) -> bool:
        """Whether another call has more to return, or a fault to raise."""
        return bool(self._generators) or self.fault is not None

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes as `Decoder.feed`; raise ValueError after `flush`."""
        if self._ended:
            raise ValueError("feed() after flush(): a decoder decodes one stream")
        if data:
            self._generators.append(self._push(data))
        return self._step()

    def flush(self) -> list[Pcm]:
        """End the stream as `Decoder.flush`; return nothing once all has been returned."""
        if not self._ended:
            self._ended = True
            self._generators.append(self._finish())
        return self._step()

    def _step(self) -> list[Pcm]:
        if self.fault is not None:
            raise self.fault
        blocks: list[Pcm] = []
        size_bytes = 0
        try:
            while self._generators:
                for pcm in self._generators[0]:
                    self._latest = pcm
                    blocks.append(pcm)
                    size_bytes += pcm.samples.nbytes
                    if size_bytes >= MAX_STEP_BYTES:
                        return blocks
                self._generators.popleft()
        except (DecodeError, SourceError) as fault:
            self._generators.clear()
            self.fault = fault
            if not blocks:
                raise
        return blocks

    @abstractmethod
    def _push(self, data: bytes) -> Iterator[Pcm]:
        """Yield the blocks that ``data`` completes."""

    @abstractmethod
    def _finish(self) -> Iterator[Pcm]:
        """Yield the blocks that the end of the stream completes, then raise what is wrong."""
