"""Results of benchmarks, without having measured anything."""

from __future__ import annotations

import numpy as np

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.bench.case import Case, Outcome
from voicecli.bench.speech import SpeechRun, readings
from voicecli.playback.base import SinkReport, Underrun
from voicecli.telemetry import events
from voicecli.telemetry.metrics import Recorder

FORMAT = AudioFormat(8000, 1)


def outcome(labels=None, *, failures=(), **measured):
    """An outcome of one run with these readings, or of none."""
    result = Outcome(Case(labels or {"codec": "opus"}, dict))
    if measured:
        result.add(measured)
    result.failures.extend(failures)
    return result


def speech_run(
    blocks=((100.0, 0.5), (200.0, 0.5)),
    *,
    gaps=(),
    ttfa_ms=110.0,
    needed_ms=None,
    text=0,
    size=4000,
):
    """A run whose audio arrived in ``blocks`` of (ms since t0, seconds), with ``gaps`` of
    (position in seconds, ms)."""
    recorder = Recorder("run")
    recorder(events.Requested(0.0, "http://server.test/v1"))
    for at_ms, duration_s in blocks:
        recorder(events.Received(at_ms / 1e3, bytes(size // len(blocks))))
        pcm = Pcm(np.full((FORMAT.frames(duration_s), 1), 9000, np.int16), FORMAT.rate_hz)
        recorder(events.Decoded(at_ms / 1e3, pcm, 0.001))
    recorder(events.ReceivedAll(blocks[-1][0] / 1e3))
    audio_s = sum(duration_s for _, duration_s in blocks)
    report = SinkReport(
        first_sound_at=ttfa_ms / 1e3,
        last_sound_at=ttfa_ms / 1e3 + audio_s,
        heard_frames=FORMAT.frames(audio_s),
        underruns=tuple(Underrun(at_s, ms / 1e3, at_s) for at_s, ms in gaps),
    )
    recorder(events.PlaybackEnded(1.0, report))
    run = SpeechRun.of(recorder, spoken_s=audio_s)
    metrics = dict(run.metrics)
    if needed_ms is not None:
        metrics["needed_prebuffer_ms"] = needed_ms
    return SpeechRun(metrics, run.arrivals, text)


def speech_outcome(
    format="opus", *runs, server=1, endpoint="http://server.test/v1", method="streamed"
):
    """An outcome of the main benchmark with these runs."""
    labels = {"server": server, "endpoint": endpoint, "format": format, "method": method}
    result = Outcome(Case(labels, dict, f"{format} from {endpoint}"))
    result.runs = len(runs)
    result.details += runs
    for metric, values in readings(runs).items():
        result.readings[metric] = list(values)
    return result
