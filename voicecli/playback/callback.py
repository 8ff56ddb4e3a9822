"""Plays decoded audio through PortAudio's callback."""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.base import SinkReport, SinkSnapshot
from voicecli.playback.callback_renderer import CallbackRenderer
from voicecli.playback.policy import TAKEN_AT_START, Gate
from voicecli.playback.portaudio import DEVICE_LOST_REMEDY, open_output, stream_faults
from voicecli.playback.ring import Ring
from voicecli.playback.stall import StallDetector

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.clock import Clock, Deadline
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OpenStream, OutputDevice

_POLL_S = 0.01


class CallbackSink:
    """Passes frames through a ring to a callback, which only copies and counts.

    The stream is opened at once, and started when the first frames are there, so
    that they are heard as soon as the policy allows.
    """

    def __init__(
        self,
        device: OutputDevice,
        wanted: AudioFormat,
        policy: Policy,
        clock: Clock,
        *,
        preroll_s: float = 0.0,
    ) -> None:
        self._clock = clock
        self._control = threading.Lock()
        self._waiting = threading.Condition()
        self._started = False
        self._aborted = False
        self._silent_at: float | None = None
        self._closed = False
        self._underflows: list[float] = []
        self._preroll_s = preroll_s
        opened = open_output(device, wanted, callback=self._callback)
        self._stream: Any = opened.stream
        self._opened: OpenStream = opened
        self._ring = Ring(opened.format.frames(policy.capacity_s), opened.format)
        preroll = opened.format.frames(preroll_s)
        self._gate = Gate(policy, ahead_s=opened.latency_s)
        self._renderer = CallbackRenderer(self._ring, self._gate, opened.format.rate_hz, preroll)

    @property
    def format(self) -> AudioFormat:
        """The format that the device was opened in."""
        return self._opened.format

    def _callback(self, out: Any, frames: int, time: Any, status: Any) -> None:
        if status.output_underflow:
            self._underflows.append(self.format.duration_s(self._ring.read))
        block: Samples = np.frombuffer(out, dtype=self.format.sample_type)
        # PortAudio's clock is not ours, but the lead of the DAC over "now" is the same on both.
        lead_s = time.outputBufferDacTime - time.currentTime
        now = self._clock.now()
        self._renderer.fill(block.reshape(frames, -1), now + lead_s)
        if self._gate.released_at is None and self._renderer.playing:
            self._gate.released_at = now

    def start(self) -> None:
        """Start the stream if there is a preroll."""
        if self._preroll_s:
            self._start_stream()

    def write(self, samples: Samples) -> None:
        """Queue frames; blocks while the ring is full.

        Raises:
            DeviceError: the device cannot be started, has failed, or has stopped taking frames.
        """
        if not self._aborted:
            self._gate.arrived(self._clock.now(), self.format.duration_s(samples.shape[0]))
        # The device takes nothing during the preroll.
        stall = StallDetector(self._clock, "taking audio", self._preroll_s)
        while not self._aborted:
            self._check_stream()
            samples = samples[self._ring.write(samples) :]
            if not self._started:
                self._start_when_ready()
            if not samples.shape[0]:
                return
            stall.remaining_s(self._ring.read)
            self._wait(_POLL_S)

    def _start_when_ready(self) -> None:
        buffered_s = self.format.duration_s(self._ring.readable)
        if buffered_s < self._opened.latency_s * TAKEN_AT_START:
            return
        # The callback makes sure that nothing is heard too early.
        if self._gate.thresholds.starts_at(buffered_s, input_ended=False) < inf:
            self._start_stream()

    def _start_stream(self) -> None:
        with self._control:
            if self._started or self._aborted:
                return
            self._started = True
            with stream_faults():
                self._stream.start()

    def _check_stream(self) -> None:
        """Check that PortAudio still asks for frames: if the device fails, it just stops."""
        with self._control, stream_faults():
            if self._started and not self._aborted and not self._stream.active:
                raise DeviceError("the sound device has gone away", remedy=DEVICE_LOST_REMEDY)

    def await_input(self) -> None:
        """Let the ring run out: more will come, but not yet."""
        self._gate.await_input()
        if self._ring.written and not self._started:
            self._start_stream()

    def end_input(self) -> None:
        """Release any threshold, and let the ring run empty."""
        self._renderer.input_ended = True
        if self._ring.written and not self._started:
            self._start_stream()

    def drain(self, deadline: Deadline) -> bool:
        """Wait until the DAC has played the last frame; False if the deadline came first.

        Raises:
            DeviceError: the device has failed.
        """
        while self._ring.written and not self._aborted:
            self._check_stream()
            wait_s = _POLL_S
            if self._renderer.finished:
                wait_s = min(_POLL_S, self._renderer.sounds_until - self._clock.now())
            if wait_s <= 0:
                break
            if deadline.expired:
                return False
            self._wait(wait_s)
        return True

    def abort(self) -> None:
        """Stop the sound at once."""
        self._aborted = True
        with self._control:
            if self._silent_at is None:
                self._silent_at = self._clock.now()
            if self._started and not self._closed:
                self._stream.abort(ignore_errors=True)
        with self._waiting:
            self._waiting.notify_all()

    def close(self) -> None:
        """Play what the device still holds, then release it."""
        if not self._renderer.input_ended:
            self.abort()
        with self._control:
            if self._closed:
                return
            self._closed = True
            if self._started and not self._aborted:
                self._stream.stop(ignore_errors=True)
            self._stream.close(ignore_errors=True)

    def position(self) -> int:
        """Return the frames heard so far, by the device's clock."""
        return self._renderer.position(self._now())

    def _now(self) -> float:
        return self._clock.now() if self._silent_at is None else self._silent_at

    def snapshot(self) -> SinkSnapshot:
        """Return the state at this moment."""
        renderer, seconds, heard = self._renderer, self.format.duration_s, self.position()
        return SinkSnapshot(
            playing=renderer.playing,
            rebuffering=renderer.rebuffering and not renderer.input_ended,
            buffered_s=seconds(self._ring.written - heard)
            + (0.0 if renderer.playing else self._preroll_s),
            heard_s=seconds(heard),
        )

    def report(self) -> SinkReport:
        """Report what was played so far."""
        return SinkReport.until(
            self._now(),
            heard_frames=self.position(),
            first_sound_at=self._renderer.first_sound_at,
            ends_at=self._renderer.sounds_until,
            underruns=tuple(self._renderer.underruns),
            text_waits=tuple(self._renderer.text_waits),
            levels=self._renderer.levels,
            underflows_at_s=self._underflows,
            gate=self._gate,
        )

    def _wait(self, timeout_s: float) -> None:
        with self._waiting:  # an abort that was just missed is noticed by the next poll
            self._clock.wait(self._waiting, timeout_s)
