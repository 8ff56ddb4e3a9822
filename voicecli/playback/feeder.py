"""What the audio callback does: copy frames out of the ring, and count.

Kept apart from PortAudio so that it can be driven block by block with invented
times. Everything here runs on the callback's thread, which must not block,
lock, log, raise or make arrays; other threads only read the attributes, each of
which is replaced in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.playback.base import Underrun

if TYPE_CHECKING:
    from voicecli.audio import Samples
    from voicecli.playback.policy import BufferPolicy
    from voicecli.playback.ring import Ring


@dataclass(slots=True)
class LevelStatistics:
    """Least and mean of a buffer's level, sampled once a block; frames."""

    first: int | None = None
    least: int | None = None
    total: int = 0
    samples: int = 0

    def add(self, level: int) -> None:
        """Count one sample of the level."""
        if self.first is None:
            self.first = level
        if self.least is None or level < self.least:
            self.least = level
        self.total += level
        self.samples += 1

    @property
    def mean(self) -> float | None:
        """Mean of the samples, None without any."""
        return self.total / self.samples if self.samples else None


class Feeder:
    """Fills the device's blocks from a ring, with silence where there is nothing.

    ``input_ended`` is set by the producer after its last write to the ring, and
    read here before the ring is: so an empty ring that is seen after it really
    is the end.
    """

    def __init__(self, ring: Ring, policy: BufferPolicy, rate_hz: int, preroll: int = 0) -> None:
        self._ring = ring
        self._policy = policy
        self._rate_hz = rate_hz
        self._preroll = preroll
        self._anchor: tuple[float, int, int] | None = None
        self._hole_from = 0
        self._hole = 0
        self.input_ended = False
        self.playing = False
        self.rebuffering = False
        self.first_sound_at: float | None = None
        self.last_sound_at: float | None = None
        self.underruns: list[Underrun] = []
        self.levels = LevelStatistics()

    def fill(self, out: Samples, dac_at: float) -> None:
        """Fill one block, whose first frame will be heard at ``dac_at`` (clock seconds)."""
        ended = self.input_ended
        if not self._may_play(out.shape[0], ended=ended):
            out[:] = 0
            return
        if not ended:
            self.levels.add(self._ring.readable)
        first = self._ring.read
        count = self._ring.read_into(out)
        missing = out.shape[0] - count
        if missing:
            out[count:] = 0
        if count:
            self._anchor = (dac_at, first, count)
            if self.first_sound_at is None:
                self.first_sound_at = dac_at
        if missing and ended:
            self._finish(dac_at + count / self._rate_hz)
        elif missing:
            self.rebuffering = True
            self._hole_from = self._ring.read
            self._hole = missing

    def _may_play(self, frames: int, *, ended: bool) -> bool:
        """Whether this block takes from the ring; counts the silence if it does not."""
        if self.last_sound_at is not None:
            return False
        buffered_s = self._ring.readable / self._rate_hz
        if self._preroll > 0:
            self._preroll -= frames
            return False
        if not self.playing:
            self.playing = self._policy.may_start(buffered_s, input_ended=ended)
            return self.playing
        if self.rebuffering:
            if not self._policy.may_resume(buffered_s, input_ended=ended):
                self._hole += frames
                return False
            self.rebuffering = False
            if buffered_s:  # otherwise it was the end, late to be told: nothing was missing
                at_s, silence_s = self._hole_from / self._rate_hz, self._hole / self._rate_hz
                self.underruns.append(Underrun(at_s, silence_s))
        return True

    def _finish(self, at: float) -> None:
        if self._anchor is not None:
            # After a hole that turned out to be the end, the last frame was heard long ago.
            heard_at, _, count = self._anchor
            at = heard_at + count / self._rate_hz
        self.last_sound_at = at

    def position(self, now: float) -> int:
        """Frames heard at ``now``; any thread."""
        anchor = self._anchor
        if anchor is None:
            return 0
        dac_at, first, count = anchor
        since = round((now - dac_at) * self._rate_hz)
        return max(0, min(first + since, first + count))
