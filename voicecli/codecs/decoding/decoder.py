"""The push shape that all decoders share: blocks are returned before a fault is raised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from voicecli.errors import DecodeError

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm


class PushDecoder(ABC):
    """The face of `voicecli.codecs.decoding.base.Decoder` over two methods that may fail halfway.

    A subclass adds blocks to the list it is given, in `_push` and `_finish`, and raises
    where it must; this class sees to it that blocks made before a fault are returned
    before the fault is raised.
    """

    def __init__(self) -> None:
        self._latest: Pcm | None = None
        self.fault: DecodeError | None = None
        """What the next call raises, since the latest had blocks to return first."""
        self._ended = False

    @property
    def format(self) -> AudioFormat | None:
        """Format of the latest block, or None before the first."""
        return self._latest.format if self._latest is not None else None

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes of any length, return the blocks that became decodable.

        Raises:
            CorruptStream: the stream is damaged where decoding cannot go on.
            UnsupportedFormat: the stream is not what this decoder takes.
            ValueError: called after `flush`.
        """
        if self._ended:
            raise ValueError("feed() after flush(): a decoder serves one stream")
        if self.fault is not None:
            raise self.fault
        blocks: list[Pcm] = []
        try:
            self._push(data, blocks)
        except DecodeError as fault:
            self._note(fault, blocks)
        if blocks:
            self._latest = blocks[-1]
        return blocks

    def flush(self) -> list[Pcm]:
        """Say that no more bytes will come; return what is left.

        Where blocks and a fault are both left, the blocks are returned and a
        second call raises the fault.

        Raises:
            TruncatedStream: the format knows that something is missing.
            CorruptStream: nothing in the stream could be decoded.
        """
        if self.fault is not None:
            raise self.fault
        blocks: list[Pcm] = []
        if not self._ended:
            self._ended = True
            try:
                self._finish(blocks)
            except DecodeError as fault:
                self._note(fault, blocks)
        if blocks:
            self._latest = blocks[-1]
        return blocks

    def _note(self, fault: DecodeError, blocks: list[Pcm]) -> None:
        self.fault = fault
        if not blocks:
            raise fault

    @abstractmethod
    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        """Add what ``data`` completes."""

    @abstractmethod
    def _finish(self, blocks: list[Pcm]) -> None:
        """Add what the end of the stream completes, then raise what is wrong with it."""
