"""Take frames from the ring when they are due, and record them: the core of both device sinks.

Separate from PortAudio, threads and locks, so that tests can drive it piece by piece with
invented times.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from voicecli.playback.device_reports import DeviceReports
from voicecli.playback.latency import LATENCY_S
from voicecli.playback.levels import BufferLevels
from voicecli.playback.timeline import Silence

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.playback.base import SinkReport
    from voicecli.playback.gate import Gate
    from voicecli.playback.ring import Ring
    from voicecli.playback.timeline import Timeline


_RESUMES_WITHIN_S = 0.2
"""A device that needs longer to continue after a pause stood still."""


class Feed:
    """Decides which frames a device gets, and when.

    `due_at` and `take` belong to the thread that feeds the device, which may be an audio
    callback: they never block, lock, log or raise. Everything else may be called from any
    thread, `pause` and `resume` from one at a time. The producer sets ``input_ended`` after
    its last write to the ring. Times are clock seconds, those of the device's thread on the
    timeline's scale: when a piece is handed over, or when it is heard.

    At most ``ahead_s`` is handed over ahead of need, by a driver that writes. The device
    buffers ``latency_s``.

    ``gain`` is a factor for what is handed over next.

    ``finished`` says that the device has the last frame, ``rebuffering`` that it is starved.
    """

    def __init__(
        self,
        ring: Ring,
        gate: Gate,
        timeline: Timeline,
        rate_hz: int,
        *,
        ahead_s: float = inf,
        latency_s: float = LATENCY_S,
    ) -> None:
        self._ring = ring
        self._gate = gate
        self._timeline = timeline
        self._rate_hz = rate_hz
        self._ahead_s = ahead_s
        self._reports = DeviceReports(timeline, rate_hz, latency_s)
        self._levels = BufferLevels()
        self._targets: deque[int] = deque()  # positions to continue at
        self._paused_at = 0.0
        self._paused_s = 0.0  # total length of pauses that are over
        self._recorded_s = 0.0  # how much of that is in the timeline; the device's thread
        self._starves_for: Silence | None = None
        self._is_skipping = False
        self.gain = 1.0
        self.is_paused = False
        self.input_ended = False
        self.finished = False

    def pause(self, now: float) -> None:
        """Hand over nothing more; idempotent."""
        if not self.is_paused:
            self._paused_at = now
            self.is_paused = True

    def resume(self, now: float) -> None:
        """Hand over frames again; idempotent."""
        if self.is_paused:
            self._paused_s += now - self._paused_at
            self.is_paused = False

    def paused_s(self, now: float) -> float:
        """Return the seconds spent in pauses so far."""
        return self._paused_s + (now - self._paused_at if self.is_paused else 0.0)

    def seek(self, position: int) -> None:
        """Continue at the frame ``position``, which may not have been written yet."""
        self._targets.append(position)

    def jumps_to(self, now: float) -> int | None:
        """Return the position of a `seek` whose sound is not heard at ``now``; any thread."""
        try:
            return self._targets[-1]
        except IndexError:  # the device's thread has taken it
            return self._timeline.jumps_to(now)

    @property
    def is_over(self) -> bool:
        """Whether the device has the last frame, and no `seek` is pending."""
        return self.finished and not self._targets

    @property
    def rebuffering(self) -> bool:
        """Whether the device is starved and waits for more audio."""
        return self._starves_for is not None and not (self.input_ended or self.is_paused)

    @property
    def buffered_s(self) -> float:
        """Seconds of audio in the ring."""
        return self._ring.readable / self._rate_hz

    def due_at(self, now: float) -> float:
        """Return when the next frames may be handed over; ``inf`` if more must arrive first.

        Also carries out a `seek`, and notices that the device is starved.
        """
        ended, awaiting = self.input_ended, self._gate.is_awaiting  # before the ring is read
        self._go_to_targets()
        buffered_s, starved_at = self.buffered_s, self._timeline.starved_at
        self.finished = ended and buffered_s <= 0
        if self.is_paused:
            return inf
        thresholds, released = self._gate.thresholds, ended or awaiting
        if starved_at is None:
            return thresholds.starts_at(buffered_s, input_ended=released)
        # If frames are there, the device itself was late, and a pause would make that worse.
        if now >= starved_at and buffered_s <= 0 and not ended:
            self._starve(awaiting=awaiting)
        if self._starves_for in {Silence.TEXT, Silence.PAUSE}:
            return max(starved_at, thresholds.starts_at(buffered_s, input_ended=released))
        if self._starves_for is not None:
            gaps = len(self._timeline.silences[Silence.UNDERRUN])
            return starved_at + thresholds.resumes_after(buffered_s, gaps, input_ended=released)
        return max(now, starved_at - self._ahead_s) if buffered_s > 0 else inf

    def _go_to_targets(self) -> None:
        while self._targets:
            target = self._targets[0]
            self._ring.seek(target)
            self._timeline.jump(self._ring.read)
            self._is_skipping = not self._ring.readable
            self._targets.popleft()  # now that the timeline has it: see `jumps_to`

    def _starve(self, *, awaiting: bool) -> None:
        if self._starves_for is not None:
            return
        if self._is_skipping:
            self._starves_for = Silence.PAUSE
        else:
            self._starves_for = Silence.TEXT if awaiting else Silence.UNDERRUN
        if not awaiting:
            self._levels.add(0.0)

    @property
    def _silence(self) -> Silence:
        """The kind of a silence before the next piece, if it comes too late."""
        if self._starves_for is not None:
            return self._starves_for
        return Silence.PAUSE if self._paused_s > self._recorded_s else Silence.DEVICE

    def take(self, block: Samples, now: float, *, asked_at: float = -inf) -> int:
        """Fill ``block`` with frames that are handed over now, and return their count.

        ``asked_at`` is when the device asked for them, if it does.
        """
        ended, awaiting = self.input_ended, self._gate.is_awaiting
        if not (ended or awaiting):
            self._levels.add(self.buffered_s)
        paused_s = self._paused_s - self._recorded_s
        silence = self._silence
        is_of_pause = silence is Silence.PAUSE and self._starves_for is None
        if is_of_pause and self._timeline.gap_s(now) - paused_s > _RESUMES_WITHIN_S:
            silence = Silence.DEVICE  # beyond the pause
        self._recorded_s += paused_s
        self._starves_for, self._is_skipping = None, False
        count = self._ring.read_into(block)
        if self.gain != 1.0:
            amplify(block[:count], self.gain)
        has_gap = self._timeline.push(count, now, silence=silence, paused_s=paused_s)
        self._reports.handed_over(count, now, has_gap=has_gap, asked_at=asked_at)
        self.finished = ended and not self._ring.readable
        return count

    def fill(
        self, out: Samples, heard_at: float, *, underflowed: bool, asked_at: float = -inf
    ) -> None:
        """Fill a block of a device that asks at ``asked_at``, with silence if frames are missing.

        Its first frame will be heard at ``heard_at``, as far as the device knows;
        ``underflowed`` says that the device ran empty before it. A piece that the device has
        dropped is given again.
        """
        self._give_again(self._reports.dropped_frames(heard_at, underflowed=underflowed))
        count = 0
        if self.due_at(heard_at) <= heard_at:
            ends_at = self._timeline.ends_at
            is_steady = ends_at is not None and self._silence is Silence.DEVICE
            due_at = ends_at if is_steady and ends_at is not None else heard_at
            count = self.take(out, due_at, asked_at=asked_at)
            if is_steady and ends_at is not None:
                self._reports.judge(heard_at - ends_at, heard_at, underflowed=underflowed)
        out[count:] = 0
        is_playing = self._timeline.ends_at is not None and not self.is_paused
        if count < len(out) and is_playing and not self.finished:
            self._starve(awaiting=self._gate.is_awaiting)

    def _give_again(self, frames: int) -> None:
        """Go back by ``frames``, which the device was given and has dropped."""
        if frames:
            position = self._ring.read
            self._ring.seek(position - frames)
            self._timeline.withdraw(position - self._ring.read)

    def wrote(self, held_frames: int, now: float, *, underflowed: bool) -> None:
        """Note what a device holds after it was given a piece, and whether it had run empty."""
        late_s = self._timeline.late_s(held_frames, now)
        self._reports.judge(late_s, now, underflowed=underflowed)

    def report(self, now: float) -> SinkReport:
        """Report what was heard by ``now``."""
        return self._timeline.report(now, self._levels, self._gate)


def amplify(samples: Samples, factor: float) -> None:
    """Multiply samples by ``factor`` in place; those that become too large are clipped."""
    low, high = (-32768, 32767) if samples.dtype == np.int16 else (-1.0, 1.0)
    samples[:] = np.clip(samples * factor, low, high)
