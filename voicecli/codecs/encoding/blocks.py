"""Regroup any number of frames into blocks of one size, as codecs need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples


class Blocks:
    """Splits its input into blocks of ``size`` frames and keeps the remainder."""

    def __init__(self, size: int, channels: int, dtype: type[np.generic]) -> None:
        self.size = size
        self.frames = 0
        """Frames pushed so far."""
        self.remainder: Samples = np.zeros((0, channels), dtype)
        """The frames that fill no block yet."""

    def push(self, samples: Samples) -> Iterator[Samples]:
        """Add frames of the block's own type; yield the blocks that are now full."""
        self.frames += samples.shape[0]
        samples = np.concatenate([self.remainder, samples])
        whole_frames = samples.shape[0] // self.size * self.size
        self.remainder = samples[whole_frames:].copy()
        for at in range(0, whole_frames, self.size):
            yield samples[at : at + self.size]

    def pad(self, blocks: int) -> Iterator[Samples]:
        """Add silence until there are ``blocks`` in all; yield those not yet yielded."""
        missing = max(0, blocks * self.size - self.frames)
        shape = (missing, self.remainder.shape[1])
        yield from self.push(np.zeros(shape, self.remainder.dtype))
