"""What all encoders share: checks, clipping, headers, and the frames each chunk counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voicecli.audio.pcm import clip_floats
from voicecli.codecs.encoding.base import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples


class Chunk(NamedTuple):
    """Bytes, and the position up to which a decoder that has all bytes so far can play."""

    data: bytes
    position: int


class PushEncoder(ABC):
    """Implements `voicecli.codecs.encoding.base.Encoder` over two generators.

    A subclass yields `Chunk` from `_push` and `_finish`, with positions at ``rate_hz``;
    its `_header` is first requested after the first of them. This class turns positions
    into counts of the frames fed.

    Args:
        sample_rate_hz: of the samples fed.
        channels: of the samples fed.
        rate_hz: of the encoded audio; None for the same.
    """

    def __init__(self, sample_rate_hz: int, channels: int, rate_hz: int | None = None) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self.rate_hz = sample_rate_hz if rate_hz is None else rate_hz
        """Rate of the encoded audio."""
        self._fed_frames = 0
        self._counted_frames = 0
        self._opened = False
        self._ended = False

    def feed(self, samples: Samples) -> list[Encoded]:
        """Take frames as `Encoder.feed`."""
        if self._ended:
            raise ValueError("feed() after flush(): an encoder makes one file")
        if samples.ndim != 2 or samples.shape[1] != self._channels:  # noqa: PLR2004  (frames, channels)
            raise ValueError(f"samples of shape {samples.shape}, not (frames, {self._channels})")
        if samples.dtype == np.float32:
            samples = clip_floats(samples)
        elif samples.dtype != np.int16:
            raise ValueError(f"samples of type {samples.dtype}, not int16 or float32")
        if not samples.shape[0]:
            return []
        self._fed_frames += samples.shape[0]
        return [self._encoded(chunk) for chunk in self._push(samples)]

    def flush(self) -> list[Encoded]:
        """End the audio as `Encoder.flush`."""
        if self._ended:
            raise ValueError("flush() after flush(): an encoder makes one file")
        self._ended = True
        chunks = [self._encoded(chunk) for chunk in self._finish()]
        if not self._opened and (header := self._header()):
            chunks.append(Encoded(header, 0))
        assert self._counted_frames == self._fed_frames, "the last position is before the end"
        return chunks

    def header_patch(self) -> bytes | None:
        """Return the file's first bytes as `Encoder.header_patch`."""
        if not self._ended:
            raise ValueError("header_patch() before flush(): the length is not known yet")
        return self._patch()

    def _encoded(self, chunk: Chunk) -> Encoded:
        playable = chunk.position * self._sample_rate_hz // self.rate_hz
        frames = max(0, min(playable, self._fed_frames) - self._counted_frames)
        self._counted_frames += frames
        data = chunk.data
        if not self._opened:
            data = self._header() + data
            self._opened = True
        return Encoded(data, frames)

    @abstractmethod
    def _push(self, samples: Samples) -> Iterator[Chunk]:
        """Yield what at least one frame, int16 or clipped float32, completes."""

    @abstractmethod
    def _finish(self) -> Iterator[Chunk]:
        """Yield the rest; at least one chunk if any frame is not yet counted."""

    def _header(self) -> bytes:
        """Return what stands before the first chunk."""
        return b""

    def _patch(self) -> bytes | None:
        """Return the header again, with everything known at the end."""
        return None
