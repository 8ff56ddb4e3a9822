"""What the lossy codecs share: resampling to a rate of the codec, and blocks of its size."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_float32
from voicecli.audio.resample import Resampler
from voicecli.codecs.encoding.blocks import Blocks
from voicecli.codecs.encoding.encoder import Chunk, PushEncoder
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.encoding.libav import LibavPacketEncoder

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 384_000
"""Rates that are resampled; anything beyond is a mistake."""


def codec_rate_hz(sample_rate_hz: int, rates_hz: Sequence[int]) -> int:
    """Return the rate itself, or the codec's next higher one, or its highest.

    Raises:
        ConfigError: an implausible rate.
    """
    check_setting("the sample rate", sample_rate_hz, MIN_RATE_HZ, MAX_RATE_HZ, "Hz")
    return min((rate for rate in rates_hz if rate >= sample_rate_hz), default=max(rates_hz))


def check_setting(name: str, value: int, low: int, high: int, unit: str) -> int:
    """Return ``value`` if it is within ``low`` and ``high``.

    Raises:
        ConfigError: it is not.
    """
    if not low <= value <= high:
        raise ConfigError(
            f"{name} cannot be {value} {unit}", remedy=f"choose one from {low} to {high} {unit}"
        )
    return value


class LossyEncoder(PushEncoder):
    """Blocks of a lapped codec, and as many at the end as the last sample needs.

    A lapped codec delays the audio by ``delay_frames``: sample n is complete only with
    the block that holds n plus the delay. So that many more frames are encoded, padded
    with silence to whole blocks, and a decoder trims as many at the head.

    Args:
        sample_rate_hz: of the samples fed.
        channels: 1 or 2.
        rate_hz: the rate to encode at.
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
        self._resampler = Resampler(sample_rate_hz, rate_hz, channels)
        self._blocks = Blocks(block_frames, channels, np.float32)
        # Both are known at the end: the length at rate_hz, and the blocks it takes.
        self._length = 0
        self._total_blocks: int | None = None

    def _push(self, samples: Samples) -> Iterator[Chunk]:
        for resampled in self._resampler.process(to_float32(samples)):
            yield from self._encode_blocks(resampled)

    def _finish(self) -> Iterator[Chunk]:
        for resampled in self._resampler.flush():
            yield from self._encode_blocks(resampled)
        self._length = self._blocks.frames
        self._total_blocks = -(-(self._length + self._delay_frames) // self._blocks.size)
        for block in self._blocks.pad(self._total_blocks):
            yield from self._encode(block)
        yield from self._end()

    @property
    def _padding_frames(self) -> int:
        """Frames of silence after the audio in what all blocks decode to."""
        assert self._total_blocks is not None
        return self._total_blocks * self._blocks.size - self._delay_frames - self._length

    def _encode_blocks(self, samples: Samples) -> Iterator[Chunk]:
        for block in self._blocks.push(samples):
            yield from self._encode(block)

    @abstractmethod
    def _encode(self, block: Samples) -> Iterator[Chunk]:
        """Yield what one block completes."""

    @abstractmethod
    def _end(self) -> Iterator[Chunk]:
        """Yield what is left after the last block."""


class MpegEncoder(LossyEncoder):
    """Packets of a libav encoder, each framed alone by `_frame`.

    A subclass sets ``_codec``.
    """

    _codec: LibavPacketEncoder
    _packets = 0

    def _encode(self, block: Samples) -> Iterator[Chunk]:
        return self._framed(self._codec.encode(block))

    def _end(self) -> Iterator[Chunk]:
        return self._framed(self._codec.finish())

    def _framed(self, packets: Iterator[bytes]) -> Iterator[Chunk]:
        for packet in packets:
            if self._packets != self._total_blocks:  # libav flushes more than the audio needs
                self._packets += 1
                yield self._frame(packet)

    @abstractmethod
    def _frame(self, packet: bytes) -> Chunk:
        """Return a packet in its frame; the last one is number ``_total_blocks``."""
