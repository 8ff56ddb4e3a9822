"""Simulated runs with an ideal player."""

from __future__ import annotations

import random

from voicecli.bench.components.policy import paced
from voicecli.bench.speech import SpeechRun
from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.telemetry.waterfall import PARTS

RATE_HZ = 48_000


def speech_run(trace, *, policy=None, ttfb_ms=200.0, silence_ms=0.0, endpoint="http://tts.test/v1"):
    """Return the run of a trace: (seconds since the first arrival, seconds of audio), in order."""
    levels = []
    player = IdealPlayer(RATE_HZ, policy or BufferPolicy.fixed(0.06), levels.append)
    decoded_s, arrivals = 0.0, []
    for at, duration_s in trace:
        player.arrive(round(duration_s * RATE_HZ), at)
        decoded_s += round(duration_s * RATE_HZ) / RATE_HZ
        arrivals.append((round(ttfb_ms + at * 1e3, 1), round(decoded_s, 6)))
    player.end(trace[-1][0])
    timeline = player.timeline
    gaps = [
        {"at_s": round(gap.at_s, 4), "ms": round(gap.silence_s * 1e3, 1), "cause": "network"}
        for gap in timeline.underruns
    ]
    ttfa_ms = round(ttfb_ms + timeline.first_sound_at * 1e3, 1)
    frame_ms = round(trace[0][0] * 1e3, 1)
    wait_ms = round(ttfa_ms - ttfb_ms - frame_ms, 1)
    parts = (2.5, 0.5, round(ttfb_ms - 3.0, 1), frame_ms, wait_ms, 0.0)
    return SpeechRun(
        {
            "schema": "voicecli.metrics/1",
            "endpoint": endpoint,
            "audio_s": round(decoded_s, 6),
            "ttfb_ms": ttfb_ms,
            "ttfa_ms": ttfa_ms,
            "ttfa_audible_ms": round(ttfa_ms + silence_ms, 1),
            "waterfall_ms": dict(zip(PARTS, (*parts, silence_ms), strict=True)),
            "playback_ms": round(ttfb_ms + timeline.ends_at * 1e3, 1),
            "underruns": {
                "sink": {
                    "count": len(gaps),
                    "total_ms": round(sum(gap["ms"] for gap in gaps), 1),
                    "events": gaps,
                }
            },
            "buffer": {
                "start_ms": round(levels[0] * 1e3, 1) if levels else None,
                "min_ms": round(min(levels) * 1e3, 1) if levels else None,
                "mean_ms": round(sum(levels) / len(levels) * 1e3, 1) if levels else None,
            },
        },
        tuple(arrivals),
    )


def steady(seed=1, **options):
    """Return a run at four times real time, slightly different for each seed."""
    rng = random.Random(seed)
    trace = paced(rng, rate=4.0, late_s=0.02, duration_s=4.0)
    return speech_run(trace, ttfb_ms=round(rng.gauss(200, 12), 1), **options)


def jittery(seed=1, **options):
    """Return a run with jitter of up to 0.2 s at 1.15 times real time: it needs a buffer."""
    rng = random.Random(seed)
    trace = paced(rng, rate=1.15, late_s=0.2, duration_s=4.0)
    options = {"policy": AdaptivePolicy(), "ttfb_ms": round(rng.gauss(320, 25), 1)} | options
    return speech_run(trace, **options)


def silent():
    """Return a run in which nothing was decoded or heard."""
    metrics = dict(steady().metrics) | {
        "audio_s": 0.0, "ttfa_ms": None, "ttfa_audible_ms": None, "waterfall_ms": None,
        "playback_ms": None, "buffer": dict.fromkeys(("start_ms", "min_ms", "mean_ms")),
        "underruns": {"sink": {"count": 0, "total_ms": 0, "events": []}},
    }  # fmt: skip
    return SpeechRun(metrics)
