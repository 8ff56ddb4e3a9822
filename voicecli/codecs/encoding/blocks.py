"""Regroups any number of frames into blocks of one size, as codecs need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples


class Blocks:
    """Splits its input into blocks of ``size`` frames and keeps the remainder.

    A block is a view, of the input or of this object's own memory, and valid until
    the next one is requested.
    """

    def __init__(self, size: int, channels: int, dtype: type[np.generic]) -> None:
        self.size = size
        self.frames = 0
        """Frames pushed so far."""
        self._block: Samples = np.zeros((size, channels), dtype)
        self._filled = 0

    def push(self, samples: Samples) -> Iterator[Samples]:
        """Add frames of the block's own type; yield the blocks that are now full."""
        self.frames += samples.shape[0]
        at = 0
        while at < samples.shape[0]:
            if not self._filled and samples.shape[0] - at >= self.size:
                yield np.ascontiguousarray(samples[at : at + self.size])
                at += self.size
                continue
            step = min(self.size - self._filled, samples.shape[0] - at)
            self._block[self._filled : self._filled + step] = samples[at : at + step]
            self._filled += step
            at += step
            if self._filled == self.size:
                self._filled = 0
                yield self._block

    def remainder(self) -> Samples:
        """Return the frames that fill no block, of shape (fewer than ``size``, channels)."""
        return self._block[: self._filled]

    def pad(self, blocks: int) -> Iterator[Samples]:
        """Add silence until there are ``blocks`` in all; yield those not yet yielded."""
        missing = max(0, blocks * self.size - self.frames)
        yield from self.push(np.zeros((missing, self._block.shape[1]), self._block.dtype))
