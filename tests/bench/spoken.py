"""Answers that nobody gave, with metrics of the right shape."""

from __future__ import annotations

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.bench.case import Case, Outcome
from voicecli.bench.speech import SpeechRun, readings
from voicecli.playback.base import SinkReport, Underrun
from voicecli.telemetry import events
from voicecli.telemetry.metrics import Recorder

FORMAT = AudioFormat(8000, 1)


def answer(
    blocks=((100.0, 0.5), (200.0, 0.5)),
    *,
    gaps=(),
    ttfa_ms=110.0,
    needed_ms=None,
    text=0,
    size=4000,
):
    """A run whose audio came in ``blocks`` of (ms since t0, seconds), with gaps of (at_s, ms)."""
    import numpy as np

    recorder = Recorder("run")
    recorder(events.Requested(0.0, "http://server.test/v1"))
    for at_ms, duration_s in blocks:
        recorder(events.Received(at_ms / 1e3, bytes(size // len(blocks))))
        frames = FORMAT.frames(duration_s)
        recorder(
            events.Decoded(
                at_ms / 1e3, Pcm(np.full((frames, 1), 9000, np.int16), FORMAT.rate_hz), 0.001
            )
        )
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


def case(format="opus", *runs, server=1, endpoint="http://server.test/v1", method="streamed"):
    """An outcome of the main benchmark that heard ``runs``."""
    labels = {"server": server, "endpoint": endpoint, "format": format, "method": method}
    outcome = Outcome(Case(labels, dict, f"{format} from {endpoint}"))
    outcome.runs = len(runs)
    outcome.details += runs
    for metric, values in readings(runs).items():
        outcome.readings[metric] = list(values)
    return outcome
