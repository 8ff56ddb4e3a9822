"""What the lossy codecs share: the codec's own rate, and float32 blocks of its own size."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_float32
from voicecli.audio.resample import Resampler
from voicecli.codecs.encoding.blocks import Blocks
from voicecli.codecs.encoding.encoder import Coded, PushEncoder
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.audio.pcm import Samples


LEAST_RATE_HZ, MOST_RATE_HZ = 1_000, 384_000
"""Rates that are converted; anything beyond is a mistake, not a sound."""


def coded_rate_hz(sample_rate_hz: int, rates_hz: Sequence[int]) -> int:
    """The rate itself, or the codec's next above, or its highest.

    Raises:
        ConfigError: no rate of sound.
    """
    if not LEAST_RATE_HZ <= sample_rate_hz <= MOST_RATE_HZ:
        raise ConfigError(
            f"cannot encode samples at {sample_rate_hz} Hz",
            remedy=f"the rate is in Hz, from {LEAST_RATE_HZ} to {MOST_RATE_HZ}",
        )
    return min((rate for rate in rates_hz if rate >= sample_rate_hz), default=max(rates_hz))


class LossyEncoder(PushEncoder):
    """Blocks of a lapped codec, and as many at the end as the last sample needs.

    A lapped codec is late by ``delay_frames``: sample n is whole only with the
    block that holds n plus the delay. So that many more frames are coded, filled
    up with silence to whole blocks, and a decoder trims as much at the head.

    Args:
        sample_rate_hz: of the samples fed.
        channels: 1 or 2.
        rate_hz: the rate to code at.
        block_frames: the codec's block, at ``rate_hz``.
        delay_frames: encoder and decoder together, at ``rate_hz``.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        *,
        rate_hz: int,
        block_frames: int,
        delay_frames: int,
    ) -> None:
        super().__init__(sample_rate_hz, channels, rate_hz)
        self._delay_frames = delay_frames
        self._converter = Resampler(sample_rate_hz, rate_hz, channels)
        self._blocks = Blocks(block_frames, channels, np.float32)
        self._length = 0  # of the sound at rate_hz, and
        self._due_blocks: int | None = None  # the blocks it takes: known when the end is

    def _push(self, samples: Samples) -> Iterator[Coded]:
        for converted in self._converter.process(to_float32(samples)):
            yield from self._put(converted)

    def _finish(self) -> Iterator[Coded]:
        for converted in self._converter.flush():
            yield from self._put(converted)
        self._length = self._blocks.frames
        self._due_blocks = -(-(self._length + self._delay_frames) // self._blocks.size)
        for block in self._blocks.pad(self._due_blocks):
            yield from self._encode(block)
        yield from self._end()

    @property
    def _surplus_frames(self) -> int:
        """Frames of silence behind the sound in what the due blocks decode to."""
        assert self._due_blocks is not None
        return self._due_blocks * self._blocks.size - self._delay_frames - self._length

    def _put(self, samples: Samples) -> Iterator[Coded]:
        for block in self._blocks.put(samples):
            yield from self._encode(block)

    @abstractmethod
    def _encode(self, block: Samples) -> Iterator[Coded]:
        """Yield what one block completes."""

    @abstractmethod
    def _end(self) -> Iterator[Coded]:
        """Yield what is left after the last block."""
