"""What both device sinks share: the ring, the waits, closing, and control from any thread."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from math import inf
from typing import TYPE_CHECKING, Any

from voicecli.errors import DeviceError
from voicecli.playback.base import SinkReport, SinkSnapshot
from voicecli.playback.feed import Feed
from voicecli.playback.gate import Gate
from voicecli.playback.ring import Ring
from voicecli.playback.stall import StallDetector
from voicecli.playback.timeline import Timeline

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.clock import Clock
    from voicecli.playback.latency import DeviceLatency
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OpenStream

KEPT_S = 60.0
"""Seconds of sound behind the reader that are kept, so that `seek` can go back."""

_POLL_S = 0.01


class DeviceSink(ABC):
    """A sink on an open stream; see `voicecli.playback.base`.

    A driver moves frames to the device with its `Feed`, on a thread of its own or when the
    device asks. It implements `start` and the methods at the end. ``_control`` guards the
    stream's state, ``_changed`` only wakes threads that wait.
    """

    def __init__(
        self,
        opened: OpenStream,
        policy: Policy,
        clock: Clock,
        latency: DeviceLatency | None,
        *,
        preroll_s: float,
        asked_ahead_s: float = 0.0,
        delay_s: float = 0.0,
        ahead_s: float = inf,
    ) -> None:
        format = opened.format
        self._opened = opened
        self._stream: Any = opened.stream
        self._clock = clock
        self._latency = latency
        self._preroll_s = preroll_s
        self._gate = Gate(policy, ahead_s=asked_ahead_s)
        self._ring = Ring(format.frames(policy.capacity_s), format, format.frames(KEPT_S))
        self._timeline = Timeline(format.rate_hz, delay_s=delay_s)
        self._feed = Feed(
            self._ring,
            self._gate,
            self._timeline,
            format.rate_hz,
            ahead_s=ahead_s,
            latency_s=opened.latency_s,
        )
        self._changed = threading.Condition()
        self._control = threading.Lock()
        self._aborted = False
        self._closed = False
        self._silent_at: float | None = None
        self._fault: DeviceError | None = None

    @property
    def format(self) -> AudioFormat:
        """The format that the device was opened in."""
        return self._opened.format

    def write(self, samples: Samples) -> None:
        """Queue frames; blocks while the ring is full.

        Raises:
            DeviceError: the device cannot be started, has failed, or has stopped taking frames.
        """
        if not self._aborted:
            now = self._clock.now()
            duration_s = self.format.duration_s(samples.shape[0])
            self._gate.arrived(now, duration_s, self._feed.paused_s(now))
        # The device takes nothing during the preroll.
        stall = StallDetector(self._clock, "taking audio", self._preroll_s)
        while not self._aborted:
            self._raise_fault()
            samples = samples[self._ring.write(samples) :]
            self._wake()
            if not samples.shape[0]:
                return
            stall.remaining_s(self._ring.read, paused=self._feed.is_paused)
            self._wait(_POLL_S)

    def set_gain(self, factor: float) -> None:
        """Multiply what the device takes next."""
        self._feed.gain = factor

    def await_input(self) -> None:
        """Let the ring run empty: more will come, but not yet."""
        self._gate.await_input()
        self._wake()

    def end_input(self) -> None:
        """Release any threshold, and let the ring run empty."""
        self._feed.input_ended = True
        self._wake()

    def pause(self) -> None:
        """Hand nothing more to the device, which plays what it has taken (1.25 × its latency)."""
        with self._control:
            self._feed.pause(self._clock.now())
        self._follow_up()

    def resume(self) -> None:
        """Continue with the next frame."""
        with self._control:
            self._feed.resume(self._clock.now())
        self._follow_up()

    def flush(self) -> None:
        """Drop what was written and not yet taken by the device."""
        self._feed.seek(self._ring.written)
        self._follow_up()

    def seek(self, position: int) -> bool:
        """Continue at this frame, if it is still kept or may still be written."""
        is_lost = self._feed.input_ended and position > self._ring.written
        if position < self._ring.kept_from or is_lost or self._feed.is_over:
            return False
        self._feed.seek(position)
        self._follow_up()
        return True

    def drain(self) -> None:
        """Wait until the last frame has been heard, or the sink was aborted.

        Raises:
            DeviceError: the device failed, or stood still while not paused.
        """
        stall = StallDetector(self._clock, "playing", self._preroll_s)
        while self._ring.written and not self._aborted:
            self._raise_fault()
            wait_s = _POLL_S
            if self._feed.is_over and (ends_at := self._timeline.ends_at) is not None:
                wait_s = min(_POLL_S, ends_at - self._clock.now())
            if wait_s <= 0 or (self._feed.is_over and self._timeline.ends_at is None):
                return
            stall.remaining_s(self.position(), paused=self._feed.is_paused)
            self._wait(wait_s)

    def abort(self) -> None:
        """Stop the sound at once, or within one block if a thread writes to the device."""
        self._aborted = True
        self._notify()
        with self._control:
            self._silence()

    def close(self) -> None:
        """Close the device: at once after an error, otherwise once it has played what it holds."""
        if not self._feed.input_ended:
            self.abort()
        with self._control:
            if self._closed:
                return
            self._closed = True
        if self._latency is not None:
            self._latency.learn(self._opened.latency_s, self.report())
        self._release()

    def position(self) -> int:
        """Return the position heard now, by the device's clock."""
        return self._timeline.position(self._now())

    def _now(self) -> float:
        return self._clock.now() if self._silent_at is None else self._silent_at

    def snapshot(self) -> SinkSnapshot:
        """Return the state at this moment."""
        seconds, heard = self.format.duration_s, self.position()
        following = self._feed.jumps_to(self._now())
        playing = self._timeline.first_sound_at is not None
        ahead_s = seconds(max(0, self._ring.written - heard))
        return SinkSnapshot(
            playing=playing,
            rebuffering=self._feed.rebuffering,
            buffered_s=ahead_s + (0.0 if playing else self._preroll_s),
            heard_s=seconds(heard),
            paused=self._feed.is_paused,
            next_s=None if following is None else seconds(following),
            kept_s=seconds(self._ring.kept_from),
        )

    def report(self) -> SinkReport:
        """Report what was played so far."""
        return self._feed.report(self._now())

    def _follow_up(self) -> None:
        """Wake the driver; a fault is raised in the producer, not in the controlling thread."""
        try:
            self._wake()
        except DeviceError as error:
            self._fault = error

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._check()

    def _wait(self, timeout_s: float) -> None:
        with self._changed:  # a change that was just missed is noticed by the next poll
            self._clock.wait(self._changed, timeout_s)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # What a driver does.

    @abstractmethod
    def start(self) -> None:
        """Prepare for frames."""

    @abstractmethod
    def _wake(self) -> None:
        """Do what can be done now that the ring or the feed has changed; any thread."""

    @abstractmethod
    def _check(self) -> None:
        """Raise `DeviceError` if the device has failed."""

    @abstractmethod
    def _silence(self) -> None:
        """Silence the device at once, if that is possible now; under ``_control``."""

    @abstractmethod
    def _release(self) -> None:
        """Close the stream, once."""
