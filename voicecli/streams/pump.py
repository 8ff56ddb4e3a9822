"""The queue of an `AudioSource`, and the thread that hands it to the sink just in time.

What a sink has been given it will play, so the queue keeps all but a short
*lead*: that can still be dropped or cleared, and the lead is what the sound
lives on while the program does something else. The thread is there so that a
stalled event loop makes no hole.

All lengths are counted, never timed: what is unheard is what was handed over
less the sink's own ``position()``. So nothing accumulates, whatever sleeps late
and however the device's crystal and the computer's differ.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, Pcm

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink

_STEP_S = 0.02
_STEPS = 4
_LEAST_WAIT_S = 0.001
_SILENCE_S = 0.01


class Pump:
    """Frames of ``format`` (int16), queued here and played by ``sink`` in its own.

    `run` belongs to one thread, which alone starts, writes to and closes the
    sink. Everything else may be called from any thread; frame counts are in
    frames of ``format`` unless they say otherwise.
    """

    def __init__(self, sink: Sink, format: AudioFormat, lead_s: float, clock: Clock) -> None:
        self._sink = sink
        self._format = format
        self._lead_s = lead_s
        self._lead = max(1, format.frames(lead_s))
        self._clock = clock
        self._changed = threading.Condition()  # guards what follows
        self._queue: deque[Samples] = deque()
        self._queued = 0
        self._accepted = 0
        self._sink_frames = 0  # handed to the sink, in its own frames
        self._converter = SampleConverter(sink.format)
        self._fed_at = clock.now()
        self._release_due = False
        self._pauses: set[int] = set()  # of sink frames: where silence is meant
        self._closing = False
        self.fault: Exception | None = None
        self.finished = False

    # Any thread.

    @property
    def accepted(self) -> int:
        """Frames added since the beginning."""
        return self._accepted

    @property
    def heard(self) -> int:
        """Frames heard, in the sink's own; it stands still where the device does."""
        return self._sink.position()

    @property
    def unheard(self) -> int:
        """Frames that have been added, were not dropped, and have not been heard."""
        with self._changed:
            return self._queued + self._in_sink()

    def _in_sink(self) -> int:
        ahead = self._sink_frames - self._sink.position()
        return -(-ahead * self._format.rate_hz // self._sink.format.rate_hz)

    def left_before(self, accepted: int) -> int:
        """Frames still to be heard before ``accepted`` frames have been, or were dropped.

        At least one while `release` has yet to be carried out for them.
        """
        with self._changed:
            left = accepted - (self._accepted - self._queued - self._in_sink())
            # Frames added since push out what the resampler holds of those before.
            return max(left, int(self._release_due and accepted == self._accepted))

    def add(self, samples: Samples) -> None:
        """Queue frames of shape (frames, channels)."""
        with self._changed:
            self._queue.append(samples)
            self._queued += len(samples)
            self._accepted += len(samples)
            self._changed.notify_all()

    def drop_oldest(self) -> int:
        """Drop what is left of the piece added first; its frames, 0 if all are with the sink."""
        with self._changed:
            dropped = len(self._queue.popleft()) if self._queue else 0
            self._queued -= dropped
            return dropped

    def clear(self) -> None:
        """Drop all that is not with the sink yet; a silence after it is meant."""
        with self._changed:
            self._queue.clear()
            self._queued = 0
            self._pauses.add(self._sink_frames)

    def release(self) -> None:
        """See to it that what was added is heard though nothing follows.

        Empties the resampler, and follows with silence where the sink would
        otherwise wait for more before it plays.
        """
        with self._changed:
            self._release_due = True
            self._changed.notify_all()

    def pause(self) -> None:
        """Say that silence after what has been handed over is meant."""
        with self._changed:
            self._pauses.add(self._sink_frames)

    @property
    def underruns(self) -> int:
        """Holes in the sound, by the sink's ledger, less the silences that were meant."""
        rate_hz = self._sink.format.rate_hz
        holes = self._sink.report().underruns
        return sum(round(hole.at_s * rate_hz) not in self._pauses for hole in holes)

    def abandon(self) -> None:
        """Let `run` end, which silences and closes the sink. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, *, was_run: bool) -> None:
        """Silence at once, let `run` end, or do its closing where it never ran. Idempotent."""
        self.abandon()
        self._sink.abort()
        if not was_run:
            self._sink.close()

    # The pump's own thread.

    def run(self) -> None:
        """Feed the sink until closed; a fault ends it and is kept for whoever adds next."""
        try:
            self._sink.start()
            while (pieces := self._await_due()) is not None:
                for piece in pieces:
                    self._sink.write(piece)
        except Exception as fault:  # noqa: BLE001  told to whoever adds next, foreseen or not
            self.fault = fault
        finally:
            self._sink.abort()
            self._sink.close()
            self.finished = True

    def _await_due(self) -> list[Samples] | None:
        """What to write next, in the sink's format, once it is due; None when closing."""
        with self._changed:
            while not self._closing:
                is_flowing = self._is_flowing()
                room = self._room(is_flowing=is_flowing)
                pieces: list[Samples] = []
                if self._queue and room > 0:
                    pieces = self._convert(self._take(room))
                elif self._release_due and not self._queue:
                    pieces = self._rest(is_flowing=is_flowing)
                if pieces:
                    self._sink_frames += sum(map(len, pieces))
                    self._fed_at = self._clock.now()
                    return pieces
                self._clock.wait(self._changed, self._until_due_s(room))
            return None

    def _is_flowing(self) -> bool:
        """Whether the sink plays; if not, it waits for more to begin or go on with."""
        snapshot = self._sink.snapshot()
        return snapshot.playing and not snapshot.rebuffering

    def _room(self, *, is_flowing: bool) -> int:
        """Frames that the sink should get now; below 0: by so much it has more than enough."""
        lead, in_sink = self._lead, self._in_sink()
        step = min(self._format.frames(_STEP_S), lead // _STEPS)
        if in_sink <= lead - step:
            return lead - in_sink
        if not is_flowing and self._clock.now() >= self._fed_at + self._lead_s:
            return lead  # it has waited for its whole lead, so it wants more than that
        return min(-1, lead - step - in_sink)

    def _until_due_s(self, room: int) -> float | None:
        if self._release_due:
            return _SILENCE_S
        if not self._queue:
            return None
        return max(self._format.duration_s(-room), _LEAST_WAIT_S)

    def _take(self, frames: int) -> list[Samples]:
        taken: list[Samples] = []
        while self._queue and frames > 0:
            samples = self._queue.popleft()
            if len(samples) > frames:
                self._queue.appendleft(samples[frames:])
                samples = samples[:frames]
            taken.append(samples)
            frames -= len(samples)
            self._queued -= len(samples)
        return taken

    def _convert(self, pieces: list[Samples]) -> list[Samples]:
        rate_hz = self._format.rate_hz
        return [
            samples
            for piece in pieces
            for samples in self._converter.convert(Pcm(piece, rate_hz))
            if len(samples)
        ]

    def _rest(self, *, is_flowing: bool) -> list[Samples]:
        """What the resampler holds; then silence for as long as the sink waits for more."""
        rest = [samples for samples in self._converter.flush() if len(samples)]
        if rest:
            return rest
        if is_flowing or not self._in_sink():
            self._release_due = False
            return []
        format = self._sink.format
        silence = np.zeros((format.frames(_SILENCE_S), format.channels), format.sample_type)
        return [silence]
