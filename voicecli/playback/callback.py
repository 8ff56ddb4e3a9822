"""Play decoded audio through PortAudio's callback."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.device_sink import DeviceSink
from voicecli.playback.policy import TAKEN_AT_START
from voicecli.playback.portaudio import DEVICE_LOST_REMEDY, open_output, stream_faults

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.clock import Clock
    from voicecli.playback.latency import DeviceLatency
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OutputDevice

_DRIFT = 1e-3
"""Most that PortAudio's clock and ours drift apart, in seconds a second."""


class CallbackSink(DeviceSink):
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
        latency: DeviceLatency | None = None,
    ) -> None:
        opened = open_output(
            device,
            wanted,
            callback=self._callback,
            latency=latency,
        )
        super().__init__(
            opened,
            policy,
            clock,
            latency,
            preroll_s=preroll_s,
            asked_ahead_s=opened.latency_s,
        )
        self._started = False
        self._preroll = opened.format.frames(preroll_s)
        self._offset_s = inf
        self._asked_at = -inf

    def _callback(self, out: Any, frames: int, time: Any, status: Any) -> None:
        block: Samples = np.frombuffer(out, dtype=self.format.sample_type).reshape(frames, -1)
        now = self._clock.now()
        if self._preroll > 0:
            self._preroll -= frames
            block[:] = 0
            return
        heard_at = time.outputBufferDacTime + self._offset(time.currentTime, now)
        underflowed = bool(status.output_underflow)
        self._feed.fill(block, heard_at, underflowed=underflowed, asked_at=now)
        if self._gate.released_at is None and self._timeline.first_sound_at is not None:
            self._gate.released_at = now

    def _offset(self, device_now: float, now: float) -> float:
        """Return what to add to the device's times; the callback may wait for the interpreter."""
        drifted_s = self._offset_s + (device_now - self._asked_at) * _DRIFT
        self._offset_s = (
            now - device_now if self._asked_at == -inf else min(now - device_now, drifted_s)
        )
        self._asked_at = device_now
        return self._offset_s

    def start(self) -> None:
        """Start the stream if there is a preroll."""
        if self._preroll_s:
            self._start_stream()

    def _wake(self) -> None:
        """Start the stream once enough is buffered; until it is due, the callback plays silence."""
        if self._started or self._feed.is_paused or not self._ring.readable:
            return
        buffered_s = self._feed.buffered_s
        is_released = self._feed.input_ended or self._gate.is_awaiting
        is_enough = buffered_s >= self._opened.latency_s * TAKEN_AT_START
        thresholds = self._gate.thresholds
        if is_released or (is_enough and thresholds.starts_at(buffered_s, input_ended=False) < inf):
            self._start_stream()

    def _start_stream(self) -> None:
        with self._control:
            if self._started or self._aborted or self._closed:
                return
            self._started = True
            with stream_faults():
                self._stream.start()

    def _check(self) -> None:
        """Check that PortAudio still asks for frames: if the device fails, it just stops."""
        with self._control, stream_faults():
            if self._started and not self._aborted and not self._stream.active:
                raise DeviceError("the sound device has gone away", remedy=DEVICE_LOST_REMEDY)

    def _silence(self) -> None:
        if self._silent_at is None:
            self._silent_at = self._clock.now()
        if self._started and not self._closed:
            self._stream.abort(ignore_errors=True)

    def _release(self) -> None:
        if self._started and not self._aborted:
            self._stream.stop(ignore_errors=True)
        self._stream.close(ignore_errors=True)
