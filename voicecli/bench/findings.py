"""What the numbers say about a speech server, in sentences for people; pure.

A finding is reported only if it holds for the median run, so that a single outlier
does not make one. The thresholds are the constants below.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from voicecli.playback.policy import JITTER_S, AdaptivePolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voicecli.bench.speech import SpeechRun

CUT_MS = 40.0
"""Speech shorter than its pcm by more than this was cut: codecs only ever add padding."""

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

STEP_MS = 20.0
"""Recommended buffers are multiples of this."""

MIN_BUFFER_MS = AdaptivePolicy().start_s * 1e3
"""What `AdaptivePolicy` buffers in any case."""


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


def buffer_needed_ms(run: SpeechRun) -> float:
    """Compute the smallest ``--buffer-ms`` that plays these arrivals without a gap.

    Playback has to start ``needed_prebuffer_ms`` after the first arrival. A buffer
    delays it that long if it is larger than what had arrived by then.
    """
    needed_ms = run.metrics["needed_prebuffer_ms"] or 0.0
    if needed_ms <= JITTER_S * 1e3 or not run.arrivals:
        return MIN_BUFFER_MS
    start_ms = run.arrivals[0][0] + needed_ms
    # Both figures are rounded to 0.1 ms: what arrives at that very moment is in time.
    arrived_s = [audio_s for at_ms, audio_s in run.arrivals if at_ms < start_ms - 0.2]
    return max(MIN_BUFFER_MS, arrived_s[-1] * 1e3)


def recommended_buffer_ms(runs: Sequence[SpeechRun]) -> float | None:
    """Recommend a ``--buffer-ms`` that keeps 95 % of such runs free of gaps; None without runs.

    It is rounded up to the next step. With fewer than twenty runs the worst one decides.
    """
    needed = sorted(buffer_needed_ms(run) for run in runs if run.arrivals)
    if not needed:
        return None
    percentile_95 = needed[math.ceil(0.95 * len(needed)) - 1]
    return math.ceil(percentile_95 / STEP_MS) * STEP_MS


def audio_by_text(runs: Iterable[SpeechRun]) -> dict[int, list[float]]:
    """Collect the seconds of audio of every answer by the number of its text."""
    lengths: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        lengths[run.text].append(run.metrics["audio_s"])
    return dict(lengths)


def missing_ms(run: SpeechRun, reference: Mapping[int, Sequence[float]]) -> float | None:
    """Compute how much shorter an answer is than the same text in pcm; None if unknown.

    Negative if it is longer. The shortest pcm counts, in favour of servers whose speech
    differs from one answer to the next.
    """
    lengths = reference.get(run.text)
    return (min(lengths) - run.metrics["audio_s"]) * 1e3 if lengths else None


def findings(runs: Sequence[SpeechRun], reference: Mapping[int, Sequence[float]]) -> list[str]:
    """Say what is wrong with one case, most serious first; ``reference`` is by `audio_by_text`."""
    sentences = (_cut(runs, reference), _slow(runs), _bursts(runs), _gaps(runs))
    return [sentence for sentence in sentences if sentence]


def _cut(runs: Sequence[SpeechRun], reference: Mapping[int, Sequence[float]]) -> str | None:
    missing = [ms for run in runs if (ms := missing_ms(run, reference)) is not None]
    if not missing or median(missing) <= CUT_MS:
        return None
    return f"cuts off the end: {median(missing):.0f} ms shorter than pcm"


def _slow(runs: Sequence[SpeechRun]) -> str | None:
    paces = [run.pace for run in runs if run.pace is not None]
    if not paces or median(paces) >= 1:
        return None
    return f"slower than real time ({median(paces):.2f} ×): long texts will have pauses"


def _bursts(runs: Sequence[SpeechRun]) -> str | None:
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


def _gaps(runs: Sequence[SpeechRun]) -> str | None:
    with_gaps = sum(run.metrics["underruns"]["sink"]["count"] > 0 for run in runs)
    if not with_gaps:
        return None
    buffer_ms = recommended_buffer_ms(runs)
    return f"gaps in {with_gaps} of {len(runs)} runs; try --buffer-ms {buffer_ms:.0f}"
