"""Sound through blocking writes: the way of PCM that the device takes as it is.

Bytes go to ``RawOutputStream.write`` undecoded and unconverted, on a thread of
their own, so that a full device never holds up the network.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.errors import DeviceError
from voicecli.playback.base import SinkReport, SinkSnapshot
from voicecli.playback.callback import RING_S
from voicecli.playback.device import device_fault, open_output
from voicecli.playback.feeder import LevelStatistics
from voicecli.playback.ring import Ring
from voicecli.playback.timeline import Timeline

if TYPE_CHECKING:
    from voicecli.audio import AudioFormat, Samples
    from voicecli.clock import Clock, Deadline
    from voicecli.playback.device import OutputDevice
    from voicecli.playback.policy import BufferPolicy
    from voicecli.threads import Joinable, Spawn

BLOCK_S = 0.02
"""Length of one write, and so the longest that an abort waits for the writer."""

_TAIL_MARGIN_S = 0.02
_STUCK_S = 5.0


class DirectSink:
    """PCM → blocking writes.

    The ledger comes from the clock (see `Timeline`): blocking writes tell when
    each piece was handed over, and the device plays at its own steady rate.
    """

    def __init__(
        self,
        device: OutputDevice,
        wanted: AudioFormat,
        policy: BufferPolicy,
        clock: Clock,
        spawn: Spawn,
        *,
        preroll_s: float = 0.0,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._spawn = spawn
        self._changed = threading.Condition()
        self._thread: Joinable | None = None
        self._input_ended = False
        self._aborted = False
        self._closed = False
        self._finished = False
        self._started = False
        self._rebuffering = False
        self._silent_at: float | None = None
        self._underflows = 0
        self._fault: DeviceError | None = None
        self._levels = LevelStatistics()
        opened = open_output(
            device, wanted, callback=None, accept=lambda f: f.rate_hz == wanted.rate_hz
        )
        self._stream: Any = opened.stream
        self._latency_s = opened.latency_s
        self._format = opened.format
        capacity_s = max(RING_S, 2 * policy.start_s, 2 * policy.resume_s)
        self._ring = Ring(opened.format.frames(capacity_s), opened.format)
        self._preroll = opened.format.frames(preroll_s)
        delay_s = 0.0 if opened.starts_at_write else opened.latency_s
        self._timeline = Timeline(opened.format.rate_hz, delay_s=delay_s)

    @property
    def format(self) -> AudioFormat:
        """The format that the device was opened in; its rate is the one wanted."""
        return self._format

    def start(self) -> None:
        """Start the writer."""
        self._thread = self._spawn(self._write_to_device, "voicecli-writer")

    def write(self, samples: Samples) -> None:
        """Queue frames, waiting while the ring is full.

        Raises:
            DeviceError: the device failed, or has stopped taking frames.
        """
        with self._changed:
            stuck_after = self._clock.now() + _STUCK_S
            read_before = self._ring.read
            while not self._aborted:
                if self._fault:
                    raise self._fault
                samples = samples[self._ring.write(samples) :]
                self._changed.notify_all()
                if not samples.shape[0]:
                    return
                if self._ring.read != read_before:
                    read_before, stuck_after = self._ring.read, self._clock.now() + _STUCK_S
                elif self._clock.now() >= stuck_after:
                    raise DeviceError("the sound device has stopped taking audio")
                self._clock.wait(self._changed, _STUCK_S / 10)

    def end_input(self) -> None:
        """Release any threshold and let the ring run out."""
        with self._changed:
            self._input_ended = True
            self._changed.notify_all()

    def _write_to_device(self) -> None:
        """The writer's thread: waits for frames, writes them, sees to the tail."""
        try:
            block = np.zeros((self._format.frames(BLOCK_S), self._format.channels), self._dtype)
            if self._preroll:
                self._put(np.zeros((self._preroll, self._format.channels), self._dtype))
            while self._wait_for_frames():
                with self._changed:
                    if not self._input_ended:
                        self._levels.add(self._ring.readable)
                    count = self._ring.read_into(block)
                    self._changed.notify_all()
                first = self._timeline.frames == 0
                self._timeline.push(count, self._clock.now())
                # Silence in front of the first frame underflows by design.
                self._underflows += self._put(block[:count]) and not first
            self._let_the_tail_sound()
        except Exception as error:  # noqa: BLE001  whatever PortAudio raises ends the sink
            self._fault = device_fault(error)
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify_all()

    @property
    def _dtype(self) -> str:
        return self._format.sample_type

    def _put(self, frames: Samples) -> bool:
        """Write to the device; True if it had run dry before."""
        if not self._started:
            self._started = True
            self._stream.start()
        return bool(self._stream.write(frames.tobytes()))

    def _wait_for_frames(self) -> bool:
        """Wait until there is something to write now; False at the end or when aborted."""
        with self._changed:
            while not self._aborted:
                now = self._clock.now()
                buffered_s = self._format.duration_s(self._ring.readable)
                if self._may_write(buffered_s, now):
                    self._rebuffering = False
                    return True
                if self._input_ended and not self._ring.readable:
                    return False
                dry_at = None if self._rebuffering else self._timeline.ends_at
                self._clock.wait(self._changed, None if dry_at is None else max(dry_at - now, 0.0))
            return False

    def _may_write(self, buffered_s: float, now: float) -> bool:
        ended = self._input_ended
        if self._timeline.ends_at is None:
            return buffered_s > 0 and self._policy.may_start(buffered_s, input_ended=ended)
        if not self._rebuffering and self._timeline.is_dry(now) and not ended:
            self._rebuffering = True
        if self._rebuffering and not self._policy.may_resume(buffered_s, input_ended=ended):
            return False
        return buffered_s > 0

    def _let_the_tail_sound(self) -> None:
        """Follow the last frame with silence, so that stopping cannot cut it off.

        PortAudio's stop after blocking writes loses about 1.25 × latency of what
        was written last.
        """
        if self._aborted:
            self._silent_at = self._clock.now()
            self._stream.abort(ignore_errors=True)
        elif self._started:
            tail = self._format.frames(self._latency_s + _TAIL_MARGIN_S)
            self._put(np.zeros((tail, self._format.channels), self._dtype))

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
        """Silence within one block: the writer, who owns the stream, stops it."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def close(self) -> None:
        """Join the writer and release the device."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._thread.join(_STUCK_S)
        if self._started and not self._aborted:
            self._stream.stop(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def position(self) -> int:
        """Frames heard so far, by the clock."""
        return self._timeline.position(self._now())

    def _now(self) -> float:
        return self._clock.now() if self._silent_at is None else self._silent_at

    def snapshot(self) -> SinkSnapshot:
        """How the sink stands."""
        now, rate_hz = self._now(), self._format.rate_hz
        return SinkSnapshot(
            playing=self._timeline.ends_at is not None,
            rebuffering=self._rebuffering,
            buffered_s=self._ring.readable / rate_hz + self._timeline.buffered_s(now),
            heard_s=self._timeline.position(now) / rate_hz,
        )

    def report(self) -> SinkReport:
        """What the sink did."""
        now, levels, seconds = self._now(), self._levels, self._format.duration_s
        ends_at = self._timeline.ends_at
        return SinkReport(
            first_sound_at=self._timeline.first_sound_at,
            last_sound_at=None if ends_at is None else min(ends_at, now),
            heard_frames=self._timeline.position(now),
            underruns=tuple(self._timeline.underruns),
            device_underflows=self._underflows,
            rebuffers=len(self._timeline.underruns),
            start_buffered_s=None if levels.first is None else seconds(levels.first),
            min_buffered_s=None if levels.least is None else seconds(levels.least),
            mean_buffered_s=None if levels.mean is None else levels.mean / self._format.rate_hz,
        )
