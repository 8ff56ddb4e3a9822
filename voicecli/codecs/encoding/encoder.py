"""The face that all encoders share: checks, tamed samples, headers, and whose frames are whose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voicecli.audio.pcm import clip_floats
from voicecli.codecs.encoding.base import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples


class Coded(NamedTuple):
    """Bytes, and how far into the coded sound a decoder gets that has all bytes up to them."""

    data: bytes
    position: int


class PushEncoder(ABC):
    """The face of `voicecli.codecs.encoding.base.Encoder` over two generators.

    A subclass yields `Coded` from `_push` and `_finish`, its positions at
    ``rate_hz``, and is not asked for its `_header` before the first of them.
    This class turns positions into shares of the frames fed.

    Args:
        sample_rate_hz: of the samples fed.
        channels: likewise.
        rate_hz: the rate that is coded; None for the same.
    """

    def __init__(self, sample_rate_hz: int, channels: int, rate_hz: int | None = None) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self._rate_hz = sample_rate_hz if rate_hz is None else rate_hz
        self._fed_frames = 0
        self._shared_frames = 0
        self._opened = False
        self._ended = False

    @property
    def rate_hz(self) -> int:
        """The rate that the sound is coded at."""
        return self._rate_hz

    def feed(self, samples: Samples) -> list[Encoded]:
        """Take any number of frames, return the chunks that they completed.

        Raises:
            ValueError: another shape or type, or called after `flush`.
        """
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
        return [self._share(coded) for coded in self._push(samples)]

    def flush(self) -> list[Encoded]:
        """Say that no more samples will come; return the rest of the file.

        Raises:
            ValueError: called a second time.
        """
        if self._ended:
            raise ValueError("flush() after flush(): an encoder makes one file")
        self._ended = True
        chunks = [self._share(coded) for coded in self._finish()]
        if not self._opened and (header := self._header()):
            chunks.append(Encoded(header, 0))
        assert self._shared_frames == self._fed_frames, "the last position lies behind the sound"
        return chunks

    def header_patch(self) -> bytes | None:
        """What a file's first bytes become now that its length is known, None for no change.

        Raises:
            ValueError: called before `flush`.
        """
        if not self._ended:
            raise ValueError("header_patch() before flush(): the length is not known yet")
        return self._patch()

    def _share(self, coded: Coded) -> Encoded:
        playable = coded.position * self._sample_rate_hz // self._rate_hz
        frames = max(0, min(playable, self._fed_frames) - self._shared_frames)
        self._shared_frames += frames
        data = coded.data
        if not self._opened:
            data = self._header() + data
            self._opened = True
        return Encoded(data, frames)

    @abstractmethod
    def _push(self, samples: Samples) -> Iterator[Coded]:
        """Yield what at least one frame, int16 or tamed float32, completes."""

    @abstractmethod
    def _finish(self) -> Iterator[Coded]:
        """Yield the rest; at least one piece if any frame is not accounted for."""

    def _header(self) -> bytes:
        """What stands before the first piece."""
        return b""

    def _patch(self) -> bytes | None:
        """The header again, now that all is known."""
        return None
