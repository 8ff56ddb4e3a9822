"""Time to first audio of each answer of ``voicecli bench --record``, by the recorder."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from tests.support.recorder import THRESHOLD
from voicecli.codecs.decoding.auto import AutoDecoder
from voicecli.telemetry.trace import read_trace
from voicecli.telemetry.trace.lines import Answer, Chunk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.recorder import Recording
    from voicecli.telemetry.trace import Trace


def recorded_ttfa_ms(recording: Recording, folder: Path) -> dict[str, list[float]]:
    """Measure the time from each request to its first sample, in ms, by format.

    The recorder finds the first sample above its threshold. The audio in the trace says
    how far that is from the very first one. Traces give their start in wall-clock time, to
    the millisecond.
    """
    since_boot = time.time() - time.monotonic()
    level = np.abs(recording.samples.astype(np.int32))
    loud = np.flatnonzero(level > THRESHOLD * 32767)
    at = np.array([recording.time_of(int(frame)) for frame in _starts(loud)])
    ttfa_ms = defaultdict(list)
    for path in sorted(folder.iterdir()):
        trace = read_trace(path)
        t0 = datetime.fromisoformat(trace.header.started).timestamp() - since_boot
        onset = at[np.searchsorted(at, t0)]
        assert trace.header.format is not None
        ttfa_ms[trace.header.format].append((onset - t0) * 1e3 - _quiet_ms(trace))
    return dict(ttfa_ms)


def _starts(loud: np.ndarray) -> np.ndarray:
    """Return the loud frames that follow at least 10 ms of silence."""
    return loud[np.flatnonzero(np.diff(loud, prepend=-48_000) > 480)]


def _quiet_ms(trace: Trace) -> float:
    """Return where in the audio of a trace the recorder would find the first sample."""
    answer = next(line for line in trace.lines if isinstance(line, Answer))
    decoder = AutoDecoder(answer.requested, answer.content_type, answer.rate_hz, answer.channels)
    frames = 0
    for line in trace.lines:
        if isinstance(line, Chunk):
            assert line.audio is not None
            for block in decoder.feed(line.audio):
                loud = np.flatnonzero(
                    np.abs(block.samples[:, 0] / _full_scale(block.samples)) > THRESHOLD
                )
                if len(loud):
                    return (frames + int(loud[0])) / block.rate_hz * 1e3
                frames += block.frames
    raise AssertionError("the audio is silent")


def _full_scale(samples: np.ndarray) -> float:
    return 32767.0 if samples.dtype == np.int16 else 1.0
