"""Play PCM by blocking writes, at a rate that the device supports.

Bytes go to ``RawOutputStream.write`` undecoded and unconverted, on a thread of
their own, so that a full device never holds up the network.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.device_sink import DeviceSink
from voicecli.playback.policy import TAKEN_AT_START
from voicecli.playback.portaudio import open_output, stream_faults
from voicecli.playback.stall import STUCK_S

if TYPE_CHECKING:
    import threading

    from voicecli.audio.pcm import AudioFormat
    from voicecli.clock import Clock
    from voicecli.playback.latency import DeviceLatency
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OutputDevice
    from voicecli.threads import Spawn

BLOCK_S = 0.01
"""Length of one write, and so the longest that an abort waits for the writer thread."""

_TAIL_MARGIN_S = 0.02

_TOGETHER_S = 0.005


class BlockingSink(DeviceSink):
    """Writes PCM to a device on a thread of its own.

    What was heard follows from the clock (see `Timeline`): it is known when each piece was
    handed over, and the device plays at a steady rate.

    The stream belongs to the writer thread while that runs: PortAudio forbids stopping a
    stream while another thread writes to it.
    """

    def __init__(
        self,
        device: OutputDevice,
        wanted: AudioFormat,
        policy: Policy,
        clock: Clock,
        spawn: Spawn,
        *,
        preroll_s: float = 0.0,
        latency: DeviceLatency | None = None,
    ) -> None:
        opened = open_output(
            device,
            wanted,
            callback=None,
            accept=lambda f: f.rate_hz == wanted.rate_hz,
            latency=latency,
        )
        super().__init__(
            opened,
            policy,
            clock,
            latency,
            preroll_s=preroll_s,
            delay_s=0.0 if opened.starts_at_write else opened.latency_s,
            # Writes come when there is room, so that none is under way when a pause begins.
            ahead_s=max(BLOCK_S, TAKEN_AT_START * opened.latency_s - BLOCK_S),
        )
        self._spawn = spawn
        self._thread: threading.Thread | None = None
        self._finished = False
        self._is_released = False
        self._device_frames = 0
        # For an empty device: a far one plays it while the next is on its way. ALSA's plug-in
        # for PulseAudio takes a whole buffer at once for an empty one.
        frames = opened.format.frames(max(BLOCK_S, opened.latency_s - BLOCK_S))
        self._refill = np.zeros((frames, opened.format.channels), opened.format.sample_type)
        self._block = self._refill[: opened.format.frames(BLOCK_S)]

    def start(self) -> None:
        """Start the writer thread."""
        if not self._aborted:
            self._thread = self._spawn(self._write_to_device, "voicecli-writer")

    def _wake(self) -> None:
        self._notify()

    def _check(self) -> None:
        """Do nothing: the writer thread notices a fault, and keeps it."""

    def _write_to_device(self) -> None:
        """Do the writer thread's work: wait for frames, write them, then silence."""
        try:
            # The stream runs empty until the first frame, which is heard when it is written.
            with stream_faults():
                self._stream.start()
                self._device_frames = self._stream.write_available
            self._write_silence(self._preroll_s)
            while self._wait_for_frames():
                self._write_block()
            # Stopping after blocking writes loses what the device holds. When it has taken
            # more silence than it can hold, nothing else is left in it, whatever clocks say.
            self._write_silence(self._device_frames / self.format.rate_hz + _TAIL_MARGIN_S)
        except DeviceError as error:
            self._fault = error
        finally:
            with self._control:
                self._finished = True
                if self._aborted:
                    self._silence()
            self._notify()

    def _write_silence(self, duration_s: float) -> None:
        """Write silence in blocks, because an abort must not wait for all of it."""
        left = self.format.frames(duration_s)
        self._block[:] = 0
        while left > 0 and not self._aborted:
            silence = self._block[:left]
            left -= silence.shape[0]
            if self._timeline.ends_at is None:
                self._timeline.push_silence(silence.shape[0], self._clock.now())
            with stream_faults():
                self._stream.write(silence.tobytes())

    def _write_block(self) -> None:
        """Move one block from the ring to the device and record it."""
        now, starved_at = self._clock.now(), self._timeline.starved_at
        block = self._refill if starved_at is None or now >= starved_at else self._block
        count = self._feed.take(block, now)
        if self._gate.released_at is None:
            self._gate.released_at = now
        self._notify()
        with stream_faults():
            underflowed = self._stream.write(block[:count].tobytes())
            asked_at = self._clock.now()
            held = self._device_frames - self._stream.write_available
        now = self._clock.now()
        # If the thread was held up between the two, they say nothing about each other.
        if underflowed or now - asked_at < _TOGETHER_S:
            self._feed.wrote(held, now, underflowed=underflowed)

    def _wait_for_frames(self) -> bool:
        """Wait until something may be written; False at the end or after an abort."""
        with self._changed:
            while not self._aborted:
                now = self._clock.now()
                at = self._feed.due_at(now)
                if now >= at:
                    return True
                if self._feed.is_over:
                    return False
                starved_at = self._timeline.starved_at
                if at == inf and starved_at is not None and starved_at > now:
                    at = starved_at  # to notice that the device is starved
                self._clock.wait(self._changed, None if at == inf else at - now)
            return False

    def _silence(self) -> None:
        """Silence the stream at once, if no thread writes to it: `_write_to_device` does too."""
        if self._finished and self._silent_at is None:
            self._silent_at = self._clock.now()
            if not self._is_released:
                self._stream.abort(ignore_errors=True)

    def _release(self) -> None:
        """Join the writer thread and close the stream, unless the thread hangs in it."""
        if self._thread is not None:
            self._thread.join(STUCK_S)
            if not self._finished:
                return  # closing it while a thread writes would crash the process
            if not (self._aborted or self._fault):
                self._stream.stop(ignore_errors=True)
        self._is_released = True
        self._stream.close(ignore_errors=True)
