"""Frames that wait to be encoded, and the stretches in which they are; pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.streams.frame import AudioFrame


class FrameQueue:
    """Frames of any length in, stretches of bounded length out. One thread at a time.

    Frames are kept as they are and cut once, so one of a minute costs no more
    than a thousand short ones. Lengths are in samples per channel.

    Args:
        stretch: the longest that `take` gives.
    """

    __slots__ = ("_frames", "_rest", "_stretch", "size")

    def __init__(self, stretch: int) -> None:
        self._stretch = stretch
        self._frames: deque[AudioFrame] = deque()
        self._rest: Samples | None = None  # of a frame longer than a stretch; before the others
        self.size = 0
        """What is not encoded yet, a stretch under way included."""

    @property
    def is_empty(self) -> bool:
        """Whether all was taken."""
        return self._rest is None and not self._frames

    def add(self, frame: AudioFrame) -> None:
        """Append a frame."""
        self._frames.append(frame)
        self.size += frame.samples_per_channel

    def take(self) -> list[Samples]:
        """The next stretch, in pieces of shape (samples, channels); empty where nothing waits."""
        pieces: list[Samples] = []
        left, rest, self._rest = self._stretch, self._rest, None
        while left > 0 and (rest is not None or self._frames):
            samples = self._frames.popleft().to_numpy() if rest is None else rest
            rest = None
            if samples.shape[0] > left:
                samples, self._rest = samples[:left], samples[left:]
            pieces.append(samples)
            left -= samples.shape[0]
        return pieces

    def settle(self, count: int) -> None:
        """Strike off what was encoded of what was taken."""
        self.size -= count

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self._rest = None
        self.size = 0
