"""What happens between blocking writes: taking pieces when they are due, and counting.

Separate from PortAudio, threads and locks, so that tests can drive it piece by piece
with invented times, like `CallbackRenderer`. Not locked.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from voicecli.playback.levels import BufferLevels

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.playback.base import SinkReport
    from voicecli.playback.policy import Gate
    from voicecli.playback.ring import Ring
    from voicecli.playback.timeline import Timeline


class BlockingWriter:
    """Moves pieces from a ring to a device, and books each on the timeline.

    For each piece: `due_at`, `take`, `wrote`. ``input_ended`` is set by the
    producer after the last frame. Times are in seconds.
    """

    def __init__(self, ring: Ring, gate: Gate, timeline: Timeline, rate_hz: int) -> None:
        self._ring = ring
        self._gate = gate
        self._timeline = timeline
        self._rate_hz = rate_hz
        self._levels = BufferLevels()
        self._underflows_at_s: list[float] = []
        self._piece_at_s = 0.0
        self._is_first = True
        self.input_ended = False
        self.rebuffering = False
        self._is_awaited = False  # the pause is a wait for text

    @property
    def buffered_s(self) -> float:
        """Seconds of audio in the ring."""
        return self._ring.readable / self._rate_hz

    def due_at(self, now: float) -> float:
        """Return when the next piece may be written; ``inf`` if more must arrive first.

        Also notices that the device is starved, which begins a pause.
        """
        buffered_s, starved_at = self.buffered_s, self._timeline.starved_at
        thresholds, awaiting = self._gate.thresholds, self._gate.is_awaiting
        released = self.input_ended or awaiting
        if starved_at is None:
            return thresholds.starts_at(buffered_s, input_ended=released)
        # If frames are there, the writer itself was late, and a pause would make that worse.
        if now >= starved_at and not (self.input_ended or self.rebuffering or buffered_s > 0):
            self.rebuffering, self._is_awaited = True, awaiting
            if not awaiting:
                self._levels.add(buffered_s)
        if self._is_awaited:
            return max(starved_at, thresholds.starts_at(buffered_s, input_ended=released))
        if self.rebuffering:
            pauses = len(self._timeline.underruns)
            return starved_at + thresholds.resumes_after(buffered_s, pauses, input_ended=released)
        return now if buffered_s > 0 else inf

    def take(self, block: Samples, now: float) -> int:
        """Fill ``block`` with frames to be written now, and return their count."""
        if not (self.input_ended or self._gate.is_awaiting):
            self._levels.add(self.buffered_s)
        is_awaited, self._is_awaited, self.rebuffering = self._is_awaited, False, False
        self._is_first = is_awaited or self._timeline.ends_at is None
        if self._gate.released_at is None:
            self._gate.released_at = now
        self._piece_at_s = self._ring.read / self._rate_hz
        count = self._ring.read_into(block)
        self._timeline.push(count, now, is_awaited=is_awaited)
        return count

    def wrote(self, held_frames: int, now: float, *, underflowed: bool, tolerance_s: float) -> None:
        """Note what the device reported after taking the piece; see `Timeline.correct`."""
        # The stream runs empty before the first frame and while text is awaited, by design.
        if underflowed and not self._is_first:
            self._underflows_at_s.append(self._piece_at_s)
        self._timeline.correct(held_frames, now, tolerance_s)

    def report(self, now: float) -> SinkReport:
        """Report what was heard by ``now``."""
        return self._timeline.report(now, self._levels, self._gate, self._underflows_at_s)
