"""An independent recorder: what was heard at the sound server, and when.

``parec`` reads the monitor of the null sink, and a thread records when each block arrives.
From these times each frame gets a time on CLOCK_MONOTONIC:

A block can only arrive *after* its last frame was rendered, and the sink renders at exactly
its rate. So ``arrival - position/rate`` has a hard lower limit, which every block reaches
that was not delayed. The minimum over a second around a frame is that limit. Scheduling
noise only delays single blocks, so it drops out. What PulseAudio holds back or renders ahead
cancels out: no further correction is made, and ``tests/support_tests/test_recorder.py``
compares the result with players whose write time and device time are known.

Accuracy: times within 1.3 ms of PortAudio's own on an idle machine (24 runs); lengths and
gaps exact to the frame.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.support.sound_server import RATE_HZ, terminate

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from numpy.typing import NDArray

    from tests.support.sound_server import SoundServer

THRESHOLD = 0.02
"""Relative to full scale; a tone of 0.5 exceeds it within two frames."""

WINDOW_S = 0.5

RECENT_S = 2.0
"""A block arrives on time at least this often."""


class RecorderError(Exception):
    """Nothing was recorded, or a wait timed out."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence inside a sound: its position in the sound and its length."""

    at_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Sound:
    """Everything from the first to the last frame above the threshold.

    ``first`` and ``last`` are frame positions in the recording, both included; ``onset``
    and ``end`` are monotonic seconds.
    """

    first: int
    last: int
    onset: float
    end: float
    gaps: tuple[Gap, ...]
    samples: NDArray[np.int16]

    @property
    def length_s(self) -> float:
        """From onset to end, gaps included."""
        return len(self.samples) / RATE_HZ

    @property
    def frames(self) -> int:
        """Frames from onset to end, gaps included."""
        return len(self.samples)

    @property
    def audible_s(self) -> float:
        """Length without the gaps."""
        return self.length_s - sum(gap.length_s for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything recorded between start and stop.

    ``samples`` is int16 of shape (frames,) or (frames, channels); ``arrivals`` has a row
    for each block: frames received so far, monotonic seconds.
    """

    samples: NDArray[np.int16]
    arrivals: NDArray[np.float64]

    def time_of(self, frame: int) -> float:
        """Return the monotonic time at which a frame was heard."""
        frames, stamps = self.arrivals[:, 0], self.arrivals[:, 1]
        near = np.abs(frames - frame) <= WINDOW_S * RATE_HZ
        if not near.any():
            near = np.ones(len(frames), dtype=bool)
        return float(np.min((stamps - frames / RATE_HZ)[near])) + frame / RATE_HZ

    def sound(self, *, threshold: float = THRESHOLD, min_gap_s: float = 0.002) -> Sound:
        """Find the sound, and every gap of at least ``min_gap_s`` in it.

        Raises:
            RecorderError: nothing exceeded the threshold.
        """
        level = np.abs(self.samples.astype(np.int32))
        if level.ndim == 2:
            level = level.max(axis=1)
        loud = np.flatnonzero(level > threshold * 32767)
        if not len(loud):
            raise RecorderError(f"nothing heard in {len(level) / RATE_HZ:.1f} s of recording")
        first, last = int(loud[0]), int(loud[-1])
        steps = np.diff(loud)
        # Between loud frames n apart there are n - 1 quiet ones.
        quiet = np.flatnonzero(steps - 1 >= min_gap_s * RATE_HZ)
        gaps = tuple(
            Gap(at_s=(int(loud[i]) + 1 - first) / RATE_HZ, length_s=(int(steps[i]) - 1) / RATE_HZ)
            for i in quiet
        )
        return Sound(
            first=first,
            last=last,
            onset=self.time_of(first),
            end=self.time_of(last + 1),
            gaps=gaps,
            samples=self.samples[first : last + 1],
        )


class Recorder:
    """Records a sound server's monitor while the ``with`` block runs.

    One condition guards the attributes; only the reader thread appends.
    """

    def __init__(self, server: SoundServer, *, threshold: float = THRESHOLD) -> None:
        self._server = server
        self._threshold = threshold * 32767
        self._blocks: list[bytes] = []
        self._arrivals: list[tuple[int, float]] = []
        self._frames = 0
        self._last_loud: int | None = None
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["parec", "--record", f"--device={self._server.monitor}", f"--rate={RATE_HZ}",
             f"--channels={self._server.channels}", "--format=s16le", "--raw",
             f"--latency-msec={self._server.block_ms}", "--client-name=recorder"],
            env=self._server.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, name="recorder", daemon=True)
        self._thread.start()
        self._await(lambda: self._frames > 0, 10.0, "parec sent nothing")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None and self._thread is not None:
            self._process.terminate()
            self._thread.join(5.0)
            terminate(self._process)
            self._process = None

    def hold(self) -> None:
        """Keep ``parec`` from running until `release`, as a busy machine may."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let ``parec`` run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _read(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        frame_bytes = 2 * self._server.channels
        received = 0
        while data := os.read(descriptor, 65536):
            now = time.monotonic()
            received += len(data)
            even = data[: len(data) // 2 * 2]
            loud = len(even) > 0 and int(np.abs(np.frombuffer(even, "<i2").astype(int)).max())
            with self._changed:
                self._blocks.append(data)
                self._frames = received // frame_bytes
                self._arrivals.append((self._frames, now))
                if loud > self._threshold:
                    self._last_loud = self._frames
                self._changed.notify_all()

    def _await(self, met: Callable[[], bool], timeout_s: float, message: str) -> None:
        with self._changed:
            if not self._changed.wait_for(met, timeout_s):
                raise RecorderError(f"{message} in {timeout_s:.1f} s")

    def wait_for_sound(
        self, timeout_s: float = 15.0, *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until something is heard.

        Raises:
            RecorderError: there was only silence until the timeout, or until ``unless()``.
        """
        self._await(lambda: self._last_loud is not None or unless(), timeout_s, "nothing heard")
        if self._last_loud is None:
            raise RecorderError("nothing heard, and nothing left to wait for")

    def wait_for_silence(self, length_s: float = 0.3, timeout_s: float = 30.0) -> None:
        """Wait until the last ``length_s`` were silent.

        Raises:
            RecorderError: there was sound until the timeout.
        """
        start = self._frames
        quiet = round(length_s * RATE_HZ)
        self._await(
            lambda: self._frames - max(start, self._last_loud or 0) >= quiet,
            timeout_s,
            f"no silence of {length_s:.1f} s",
        )

    def _heard_until(self, at: float) -> int:
        """Return the position of the frame heard at a time, though it may not have arrived yet."""
        with self._changed:
            recent = [each for each in self._arrivals if each[1] > at - RECENT_S]
        started_at = min(stamp - frames / RATE_HZ for frames, stamp in recent or self._arrivals)
        return round((at - started_at) * RATE_HZ)

    def finish(self, *, tail_s: float = 0.1) -> Recording:
        """Record what is heard within ``tail_s`` from now, stop, and return the recording.

        On a busy machine ``parec`` is late; what it still has to deliver is waited for.
        """
        now = time.monotonic()
        target = max(self._frames, self._heard_until(now)) + round(tail_s * RATE_HZ)
        self._await(lambda: self._frames >= target, tail_s + 5.0, "the recorder received nothing")
        self._stop()
        with self._changed:
            data = b"".join(self._blocks)
            arrivals = np.array(self._arrivals, dtype=np.float64)
        channels = self._server.channels
        frames = len(data) // (2 * channels)
        samples = np.frombuffer(data, "<i2", count=frames * channels)
        return Recording(samples if channels == 1 else samples.reshape(-1, channels), arrivals)
