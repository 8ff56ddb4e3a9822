"""The queue of an `AudioSource`, and the thread that feeds its sink just in time.

A sink plays whatever it was given, so the queue, which can be dropped or cleared,
keeps everything but a short *lead*. The thread bridges stalls of the event loop.

Lengths are counted, never timed: frames not heard yet are the frames handed over
minus the sink's own ``position()``. So errors do not accumulate, however late a
sleep ends and however the clocks of device and computer differ.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.streams.frame import take

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.playback.policy import BufferPolicy

_STEP_S = 0.02
_STEPS_IN_LEAD = 4
_MIN_WAIT_S = 0.001
_SILENCE_S = 0.01
_PREROLL_S = 0.01


def open_device_sink(
    format: AudioFormat, device: str | None, policy: BufferPolicy, clock: Clock
) -> Sink:
    """Open a sink on a sound device, not started; takes about 50 ms the first time.

    ``device`` is its index or a part of its name; None means the default device. The
    format of the sink may differ from ``format``.

    Raises:
        DeviceError: there is no such device, or it cannot be opened.
    """
    from voicecli.playback.callback import CallbackSink  # noqa: PLC0415  loads PortAudio
    from voicecli.playback.latency import DeviceLatency  # noqa: PLC0415  only for devices
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    # A preroll starts the device before the first frame, which would otherwise wait for more.
    return CallbackSink(
        find_output_device(device),
        format,
        policy,
        clock,
        preroll_s=_PREROLL_S,
        latency=DeviceLatency(""),
    )


class Player:
    """Queues int16 frames of ``format`` and plays them on ``sink``, in the sink's format.

    `run` belongs to one thread, which alone starts, writes to and closes the sink.
    Everything else may be called from any thread. Counts are frames of ``format``
    unless noted.
    """

    def __init__(self, sink: Sink, format: AudioFormat, lead_s: float, clock: Clock) -> None:
        self._sink = sink
        self._format = format
        self._lead_s = lead_s
        self._lead = max(1, format.frames(lead_s))
        self._clock = clock
        self._converter = SampleConverter(sink.format)
        self._changed = threading.Condition()  # guards the following
        self._queue: deque[Samples] = deque()
        self._queued = 0
        self.accepted = 0  # frames added so far
        self._sink_frames = 0  # handed to the sink, in its own frames
        self._fed_at = clock.now()
        self._release_due = False
        self._pauses: set[int] = set()  # sink frames after which silence is intended
        self._clears = self._clears_before = 0  # clears in total, and before the last pieces
        self._closing = False
        self.fault: Exception | None = None
        self.finished = False

    # Any thread.

    @property
    def unheard(self) -> int:
        """Frames added, not dropped and not heard yet."""
        with self._changed:
            return self._queued + self._in_sink()

    def _in_sink(self) -> int:
        ahead = self._sink_frames - self._sink.position()
        return -(-ahead * self._format.rate_hz // self._sink.format.rate_hz)

    def left_before(self, accepted: int) -> int:
        """Return the frames to be heard before ``accepted`` frames were heard or dropped.

        At least one while a `release` for them is pending.
        """
        with self._changed:
            left = accepted - (self.accepted - self._queued - self._in_sink())
            # Frames added later push the rest out of the resampler.
            return max(left, int(self._release_due and accepted == self.accepted))

    def add(self, samples: Samples) -> None:
        """Queue samples of shape (frames, channels)."""
        with self._changed:
            self._queue.append(samples)
            self._queued += len(samples)
            self.accepted += len(samples)
            self._changed.notify_all()

    def drop_oldest(self) -> int:
        """Drop what is left of the oldest queued piece; return its frames, 0 if none is left."""
        with self._changed:
            dropped = len(self._queue.popleft()) if self._queue else 0
            self._queued -= dropped
            return dropped

    def clear(self) -> None:
        """Drop everything that the device has not taken; silence after it is intended."""
        with self._changed:
            self._queue.clear()
            self._queued = 0
            self._clears += 1
            self._pauses.add(self._sink_frames)
        self._sink.flush()

    def release(self) -> None:
        """Let everything added be heard even if nothing follows.

        Empties the resampler, then adds silence if the sink would otherwise wait
        for more before it plays.
        """
        with self._changed:
            self._release_due = True
            self._changed.notify_all()

    def expect_silence(self) -> None:
        """Declare that silence after the frames handed over is intended."""
        with self._changed:
            self._pauses.add(self._sink_frames)

    @property
    def underruns(self) -> int:
        """Gaps in the sound by the sink's report, without the intended silences."""
        rate_hz = self._sink.format.rate_hz
        gaps = self._sink.report().underruns
        return sum(round(gap.at_s * rate_hz) not in self._pauses for gap in gaps)

    def abandon(self) -> None:
        """Let `run` end, which silences and closes the sink. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, *, was_run: bool) -> None:
        """Silence at once and let `run` end; close the sink if it never ran. Idempotent."""
        self.abandon()
        self._sink.abort()
        if not was_run:
            self._sink.close()

    # The player's own thread.

    def run(self) -> None:
        """Feed the sink until closed. A fault ends it and is kept in `fault`."""
        try:
            self._sink.start()
            while (pieces := self._await_due()) is not None:
                for piece in pieces:
                    self._sink.write(piece)
                if self._clears != self._clears_before:
                    self._sink.flush()  # drops what was written after the first flush
        except Exception as fault:  # noqa: BLE001  raised by the source, foreseen or not
            self.fault = fault
        finally:
            self._sink.abort()
            self._sink.close()
            self.finished = True

    def _await_due(self) -> list[Samples] | None:
        """Wait until samples are due; return them in the sink's format, None when closing."""
        with self._changed:
            while not self._closing:
                snapshot = self._sink.snapshot()
                # It plays, or is paused, and does not wait for more to start or resume.
                is_flowing = snapshot.paused or (snapshot.playing and not snapshot.rebuffering)
                room = self._room(is_flowing=is_flowing)
                pieces: list[Samples] = []
                if self._queue and room > 0:
                    pieces = self._take(room)
                elif self._release_due and not (self._queue or snapshot.paused):
                    pieces = self._flush(is_flowing=is_flowing)
                if pieces:
                    self._sink_frames += sum(map(len, pieces))
                    self._fed_at, self._clears_before = self._clock.now(), self._clears
                    return pieces
                self._clock.wait(self._changed, self._until_due_s(room))
            return None

    def _room(self, *, is_flowing: bool) -> int:
        """Return the frames that the sink should get now; if negative, its excess."""
        lead, in_sink = self._lead, self._in_sink()
        step = min(self._format.frames(_STEP_S), lead // _STEPS_IN_LEAD)
        if in_sink <= lead - step:
            return lead - in_sink
        if not is_flowing and self._clock.now() >= self._fed_at + self._lead_s:
            return lead  # it has waited for a whole lead, so it needs more than that to start
        return min(-1, lead - step - in_sink)

    def _until_due_s(self, room: int) -> float | None:
        if self._release_due:
            return _SILENCE_S
        return max(self._format.duration_s(-room), _MIN_WAIT_S) if self._queue else None

    def _take(self, frames: int) -> list[Samples]:
        """Remove frames from the queue; return them in the sink's format."""
        taken = take(self._queue, frames)
        self._queued -= sum(map(len, taken))
        pcm = (Pcm(samples, self._format.rate_hz) for samples in taken)
        converted = (samples for block in pcm for samples in self._converter.convert(block))
        return [samples for samples in converted if len(samples)]

    def _flush(self, *, is_flowing: bool) -> list[Samples]:
        """Return the rest of the resampler, then silence while the sink waits for more."""
        rest = [samples for samples in self._converter.flush() if len(samples)]
        if rest:
            return rest
        if is_flowing or not self._in_sink():
            self._release_due = False
            return []
        format = self._sink.format
        return [np.zeros((format.frames(_SILENCE_S), format.channels), format.sample_type)]
