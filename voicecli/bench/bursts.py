"""Servers that buffer, then burst: they send nothing for a while, then much at once; pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.speech import SpeechRun

PAUSE_S = 0.25
"""A server that sends nothing for this long, then much at once, has held the audio back."""

BURST_S = 0.05
"""What arrives within this time arrived at once."""

BURST_SHARE = 0.5
"""A server that sends this share of the audio at once after a pause does not stream."""

LONG_PAUSE_S = 1.0
"""A pause this long holds audio back, however much comes after it."""

PAUSE_PER_BURST = 0.2
"""A pause shorter than this share of the burst may come from a distant, fast server."""

MIN_AUDIO_S = 1.0
"""Shorter speech may well be a single burst."""


class Burst(NamedTuple):
    """How much audio arrived at once, and after how long a pause; both in seconds."""

    audio_s: float
    pause_s: float


def largest_burst(arrivals: Sequence[tuple[float, float]]) -> Burst:
    """Find the largest burst after a pause; the wait since t0 counts as a pause.

    ``arrivals`` is an arrival curve: (ms since t0, seconds of audio so far).
    """
    largest = Burst(0.0, 0.0)
    before_ms = before_s = 0.0
    for index, (at_ms, so_far_s) in enumerate(arrivals):
        pause_s = (at_ms - before_ms) / 1e3
        if pause_s >= PAUSE_S:
            until_ms = at_ms + BURST_S * 1e3
            burst = [audio_s for ms, audio_s in arrivals[index:] if ms <= until_ms]
            largest = max(largest, Burst(burst[-1] - before_s, pause_s))
        before_ms, before_s = at_ms, so_far_s
    return largest


def burst_finding(runs: Sequence[SpeechRun]) -> str | None:
    """Say that a server buffers, then bursts; None if its median run does not.

    Speech shorter than `MIN_AUDIO_S` does not count.
    """
    long_runs = [run for run in runs if run.metrics["audio_s"] >= MIN_AUDIO_S]
    if not long_runs:
        return None
    bursts = [largest_burst(run.arrivals) for run in long_runs]
    share = median(
        burst.audio_s / run.metrics["audio_s"] for burst, run in zip(bursts, long_runs, strict=True)
    )
    pause_s = median(burst.pause_s for burst in bursts)
    audio_s = median(burst.audio_s for burst in bursts)
    if share < BURST_SHARE or pause_s < min(LONG_PAUSE_S, PAUSE_PER_BURST * audio_s):
        return None
    return (
        f"buffers, then bursts: {share:.0%} of the audio arrived at once, "
        f"after {pause_s * 1e3:.0f} ms of nothing"
    )
