"""Sinks without a device: `NullSink` takes as long as sound does, `DiscardSink` no time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from voicecli.playback.base import SinkReport, SinkSnapshot
from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.levels import BufferLevels

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.clock import Clock
    from voicecli.playback.policy import Policy


class NullSink:
    """Plays nothing, at the pace of real sound, under the same policy.

    It reports what a perfect device would have done with the same arrivals, so its
    figures are those of the network and the decoder alone.
    """

    def __init__(
        self,
        format: AudioFormat,
        policy: Policy,
        clock: Clock,
        *,
        preroll_s: float = 0.0,
    ) -> None:
        self._format = format
        self._capacity_s = policy.capacity_s
        self._clock = clock
        self._changed = threading.Condition()
        self._levels = BufferLevels()
        self._player = IdealPlayer(format.rate_hz, policy, self._levels.add)
        self._timeline = self._player.timeline
        self._preroll_s = preroll_s
        self._input_ended = False
        self._aborted = False
        self._silent_at: float | None = None

    @property
    def format(self) -> AudioFormat:
        """The wanted format."""
        return self._format

    def start(self) -> None:
        """Start the preroll."""
        with self._changed:
            self._timeline.push_silence(self._format.frames(self._preroll_s), self._clock.now())

    def write(self, samples: Samples) -> None:
        """Count frames; blocks while more than the capacity is still to be heard."""
        with self._changed:
            if not self._aborted:
                self._player.arrive(samples.shape[0], self._clock.now())
            while not self._aborted:
                ahead_s = self._buffered_s() - self._capacity_s
                if ahead_s <= 0:
                    return
                self._clock.wait(self._changed, None if self._player.is_paused else ahead_s)

    def _catch_up(self) -> None:
        if not self._aborted:
            self._player.catch_up(self._clock.now())

    def _buffered_s(self) -> float:
        return self._player.waiting_s + self._timeline.buffered_s(self._now())

    def await_input(self) -> None:
        """Play what is buffered to its end: more will come, but not yet."""
        with self._changed:
            if not self._aborted:
                self._player.await_input(self._clock.now())

    def end_input(self) -> None:
        """Release any threshold."""
        with self._changed:
            self._input_ended = True
            if not self._aborted:
                self._player.end(self._clock.now())
            self._changed.notify_all()

    def pause(self) -> None:
        """Fall silent at once."""
        with self._changed:
            if not self._aborted:
                self._player.pause(self._clock.now())
            self._changed.notify_all()

    def resume(self) -> None:
        """Continue with the next frame."""
        with self._changed:
            if not self._aborted:
                self._player.resume(self._clock.now())
            self._changed.notify_all()

    def flush(self) -> None:
        """Drop what was written and not heard."""
        with self._changed:
            self._seek(self._player.written)

    def seek(self, position: int) -> bool:
        """Continue at this frame, unless it cannot be written any more."""
        with self._changed:
            if position < 0 or (self._input_ended and position > self._player.written):
                return False
            self._seek(position)
        return True

    def _seek(self, position: int) -> None:
        if not self._aborted:
            self._player.seek(position, self._clock.now())
        self._changed.notify_all()

    def drain(self) -> None:
        """Wait until the last frame would have been heard."""
        with self._changed:
            while not self._aborted:
                self._catch_up()
                ends_at = self._timeline.ends_at
                left_s = 0.0 if ends_at is None else ends_at - self._clock.now()
                if not self._player.is_paused and left_s <= 0:
                    return
                self._clock.wait(self._changed, None if self._player.is_paused else left_s)

    def set_gain(self, factor: float) -> None:
        """Do nothing: it is silent anyway."""

    def abort(self) -> None:
        """Stop the imaginary sound at once."""
        with self._changed:
            self._catch_up()
            if self._silent_at is None:
                self._silent_at = self._clock.now()
            self._aborted = True
            self._changed.notify_all()

    def close(self) -> None:
        """Abort unless the input has ended."""
        if not self._input_ended:
            self.abort()

    def position(self) -> int:
        """Return the position that would be heard now."""
        with self._changed:
            self._catch_up()
            return self._timeline.position(self._now())

    def _now(self) -> float:
        return self._clock.now() if self._silent_at is None else self._silent_at

    def snapshot(self) -> SinkSnapshot:
        """Return the state of the imaginary sound."""
        with self._changed:
            self._catch_up()
            now, starved_at = self._now(), self._timeline.starved_at
            is_starved = starved_at is not None and now >= starved_at
            paused = self._player.is_paused
            return SinkSnapshot(
                playing=starved_at is not None,
                rebuffering=is_starved and not (self._input_ended or paused),
                buffered_s=self._buffered_s() + (self._preroll_s if starved_at is None else 0.0),
                heard_s=self._format.duration_s(self._timeline.position(now)),
                paused=paused,
            )

    def report(self) -> SinkReport:
        """Report what a perfect device would have done."""
        with self._changed:
            self._catch_up()
            return self._timeline.report(self._now(), self._levels, self._player.gate)


class DiscardSink:
    """Takes frames as fast as they come and plays none: for saving only."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._frames = 0

    @property
    def format(self) -> AudioFormat:
        """The wanted format."""
        return self._format

    def start(self) -> None:
        """Do nothing: frames are done with when they are written."""

    await_input = end_input = drain = pause = resume = flush = abort = close = start

    def write(self, samples: Samples) -> None:
        """Count frames."""
        self._frames += samples.shape[0]

    def seek(self, position: int) -> bool:  # noqa: ARG002  no position can be heard again
        """Return False: nothing is kept."""
        return False

    def set_gain(self, factor: float) -> None:
        """Do nothing: it is silent anyway."""

    def position(self) -> int:
        """Return the frames taken, which count as spoken."""
        return self._frames

    def snapshot(self) -> SinkSnapshot:
        """Return the frames taken; none are buffered."""
        taken_s = self._format.duration_s(self._frames)
        return SinkSnapshot(playing=False, rebuffering=False, buffered_s=0.0, heard_s=taken_s)

    def report(self) -> SinkReport:
        """Report the frames taken; without sound there are no times."""
        return SinkReport(heard_frames=self._frames)
