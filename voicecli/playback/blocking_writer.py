"""What the writer does between blocking writes: take pieces when they are due, and count.

Kept apart from PortAudio, threads and locks so that it can be driven piece by
piece with invented times, as `CallbackRenderer` can for the callback. Not locked: whoever
shares one locks it.
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
    """Pieces from a ring to a device, each booked on the timeline; times in seconds.

    `due_at`, then `take`, then `wrote`, for each piece. ``input_ended`` is set
    by whoever fills the ring, after the last frame.
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

    @property
    def buffered_s(self) -> float:
        """Sound that waits in the ring."""
        return self._ring.readable / self._rate_hz

    def due_at(self, now: float) -> float:
        """When what is buffered may be written; ``inf`` while that depends on what comes.

        Also notices that the device has run dry, which begins a pause.
        """
        buffered_s, ended, dry_at = self.buffered_s, self.input_ended, self._timeline.dry_at
        thresholds = self._gate.thresholds
        if dry_at is None:
            return thresholds.starts_at(buffered_s, input_ended=ended)
        # Where frames are there the writer itself was late: a pause would make that worse.
        if now >= dry_at and not (ended or self.rebuffering or buffered_s > 0):
            self.rebuffering = True
            self._levels.add(buffered_s)
        if self.rebuffering:
            pauses = len(self._timeline.underruns)
            return dry_at + thresholds.resumes_after(buffered_s, pauses, input_ended=ended)
        return now if buffered_s > 0 else inf

    def take(self, block: Samples, now: float) -> int:
        """Fill ``block`` as far as there are frames, to be written now; their count."""
        if not self.input_ended:
            self._levels.add(self.buffered_s)
        self.rebuffering = False
        self._is_first = self._timeline.ends_at is None
        if self._gate.released_at is None:
            self._gate.released_at = now
        self._piece_at_s = self._ring.read / self._rate_hz
        count = self._ring.read_into(block)
        self._timeline.push(count, now)
        return count

    def wrote(self, held_frames: int, now: float, *, ran_dry: bool, tolerance_s: float) -> None:
        """Note what the device told when it had the piece; see `Timeline.correct`."""
        # Silence in front of the first frame underflows by design.
        if ran_dry and not self._is_first:
            self._underflows_at_s.append(self._piece_at_s)
        self._timeline.correct(held_frames, now, tolerance_s)

    def report(self, now: float) -> SinkReport:
        """What became of it all by ``now``."""
        return self._timeline.report(now, self._levels, self._gate, self._underflows_at_s)
