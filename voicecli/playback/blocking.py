"""Plays PCM by blocking writes, if the device takes its rate.

Bytes go to ``RawOutputStream.write`` undecoded and unconverted, on a thread of
their own, so that a full device never holds up the network.
"""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.base import SinkSnapshot
from voicecli.playback.blocking_writer import BlockingWriter
from voicecli.playback.policy import Gate
from voicecli.playback.portaudio import open_output, stream_faults
from voicecli.playback.ring import Ring
from voicecli.playback.stall import STUCK_S, StallDetector
from voicecli.playback.timeline import Timeline

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples
    from voicecli.clock import Clock, Deadline
    from voicecli.playback.base import SinkReport
    from voicecli.playback.policy import Policy
    from voicecli.playback.portaudio import OutputDevice
    from voicecli.threads import Spawn

BLOCK_S = 0.02
"""Length of one write, and so the longest that an abort waits for the writer thread."""

_TAIL_MARGIN_S = 0.02


class BlockingSink:
    """Writes PCM to a device on a thread of its own.

    What was heard follows from the clock (see `Timeline`): it is known when each
    piece was handed over, and the device plays at a steady rate.

    All state but the stream is guarded by ``_changed``. The stream belongs to the
    writer thread while that runs: PortAudio forbids stopping a stream while
    another thread writes to it.
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
    ) -> None:
        self._clock = clock
        self._gate = Gate(policy)
        self._spawn = spawn
        self._preroll_s = preroll_s
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._aborted = False
        self._closed = False
        self._finished = False
        self._silent_at: float | None = None
        self._fault: DeviceError | None = None
        opened = open_output(
            device, wanted, callback=None, accept=lambda f: f.rate_hz == wanted.rate_hz
        )
        self._stream: Any = opened.stream
        self._device_frames = 0
        self._latency_s = opened.latency_s
        self._format = opened.format
        self._ring = Ring(opened.format.frames(policy.capacity_s), opened.format)
        delay_s = 0.0 if opened.starts_at_write else opened.latency_s
        self._timeline = Timeline(opened.format.rate_hz, delay_s=delay_s)
        self._writer = BlockingWriter(self._ring, self._gate, self._timeline, opened.format.rate_hz)
        block_frames = opened.format.frames(BLOCK_S)
        self._block = np.zeros((block_frames, self._format.channels), self._format.sample_type)

    @property
    def format(self) -> AudioFormat:
        """The format that the device was opened in; its rate is the one wanted."""
        return self._format

    def start(self) -> None:
        """Start the writer thread."""
        if not self._aborted:
            self._thread = self._spawn(self._write_to_device, "voicecli-writer")

    def write(self, samples: Samples) -> None:
        """Queue frames; blocks while the ring is full.

        Raises:
            DeviceError: the device failed, or has stopped taking frames.
        """
        with self._changed:
            if not self._aborted:
                self._gate.arrived(self._clock.now(), self._format.duration_s(samples.shape[0]))
            # The device takes nothing during the preroll.
            stall = StallDetector(self._clock, "taking audio", self._preroll_s)
            while not self._aborted:
                if self._fault:
                    raise self._fault
                samples = samples[self._ring.write(samples) :]
                self._changed.notify_all()
                if not samples.shape[0]:
                    return
                self._clock.wait(self._changed, stall.remaining_s(self._ring.read))

    def await_input(self) -> None:
        """Let the ring run out: more will come, but not yet."""
        with self._changed:
            self._gate.await_input()
            self._changed.notify_all()

    def end_input(self) -> None:
        """Release any threshold, and let the ring run empty."""
        with self._changed:
            self._writer.input_ended = True
            self._changed.notify_all()

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
            # Stopping after blocking writes loses what the device holds, 1.25 × latency:
            # that should be silence.
            self._write_silence(self._latency_s + _TAIL_MARGIN_S)
        except DeviceError as error:
            self._fault = error
        finally:
            with self._changed:
                self._finished = True
                if self._aborted:
                    self._silence_stream()
                self._changed.notify_all()

    def _write_silence(self, duration_s: float) -> None:
        """Write silence in blocks, because an abort must not wait for all of it."""
        left = self._format.frames(duration_s)
        self._block[:] = 0
        while left > 0 and not self._aborted:
            silence = self._block[:left]
            left -= silence.shape[0]
            with self._changed:
                if self._timeline.ends_at is None:
                    self._timeline.push_silence(silence.shape[0], self._clock.now())
            with stream_faults():
                self._stream.write(silence.tobytes())

    def _write_block(self) -> None:
        """Move one block from the ring to the device and book it."""
        with self._changed:
            count = self._writer.take(self._block, self._clock.now())
            self._changed.notify_all()
        with stream_faults():
            underflowed = self._stream.write(self._block[:count].tobytes())
            held = self._device_frames - self._stream.write_available
        with self._changed:
            # What the device reports moves in steps of its period, a quarter of its latency.
            self._writer.wrote(
                held, self._clock.now(), underflowed=underflowed, tolerance_s=self._latency_s / 2
            )

    def _wait_for_frames(self) -> bool:
        """Wait until something may be written; False at the end or after an abort."""
        with self._changed:
            while not self._aborted:
                now = self._clock.now()
                at = self._writer.due_at(now)
                if now >= at:
                    return True
                if self._writer.input_ended and not self._ring.readable:
                    return False
                starved_at = self._timeline.starved_at
                if starved_at is not None and not self._writer.rebuffering:
                    at = starved_at  # to notice that the device is starved
                self._clock.wait(self._changed, None if at == inf else at - now)
            return False

    def _silence_stream(self) -> None:
        """Stop the sound at once; under the lock, while no thread writes to the stream."""
        self._silent_at = self._clock.now()
        self._stream.abort(ignore_errors=True)

    def drain(self, deadline: Deadline) -> bool:
        """Wait until the last frame has been heard; False if the deadline came first."""
        with self._changed:
            while not self._aborted:
                if self._fault:
                    raise self._fault
                ends_at, now = self._timeline.ends_at, self._clock.now()
                if self._finished and (ends_at is None or now >= ends_at):
                    return True
                if deadline.expired:
                    return False
                wait_s = deadline.remaining_s
                if self._finished and ends_at is not None:
                    wait_s = min(ends_at - now, wait_s) if wait_s is not None else ends_at - now
                self._clock.wait(self._changed, wait_s)
        return True

    def abort(self) -> None:
        """Stop the sound within one block, or at once if the writer thread has ended."""
        with self._changed:
            if self._aborted:
                return
            self._aborted = True
            if self._finished and not self._closed:
                self._silence_stream()
            self._changed.notify_all()

    def close(self) -> None:
        """Join the writer thread and release the device, unless the thread hangs in it."""
        with self._changed:
            if self._closed:
                return
            if not self._writer.input_ended:
                self.abort()
            self._closed = True
        if self._thread is not None:
            self._thread.join(STUCK_S)
            if not self._finished:
                return  # closing it while a thread writes would crash the process
            if not (self._aborted or self._fault):
                self._stream.stop(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def position(self) -> int:
        """Return the frames heard so far, by the clock."""
        with self._changed:
            return self._timeline.position(self._now())

    def _now(self) -> float:
        return self._clock.now() if self._silent_at is None else self._silent_at

    def snapshot(self) -> SinkSnapshot:
        """Return the state at this moment."""
        with self._changed:
            now = self._now()
            playing = self._timeline.ends_at is not None
            ahead_s = self._timeline.buffered_s(now) if playing else self._preroll_s
            return SinkSnapshot(
                playing=playing,
                rebuffering=self._writer.rebuffering,
                buffered_s=self._writer.buffered_s + ahead_s,
                heard_s=self._format.duration_s(self._timeline.position(now)),
            )

    def report(self) -> SinkReport:
        """Report what was played so far."""
        with self._changed:
            return self._writer.report(self._now())
