"""What the numbers say about a speech server, in sentences for people; pure.

A finding is reported only if it holds for the median run, so that a single outlier
does not make one. The thresholds are the constants below.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from voicecli.bench.bursts import burst_finding
from voicecli.playback.policy import JITTER_S, AdaptivePolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voicecli.bench.speech import SpeechRun

CUT_MS = 40.0
"""Speech shorter than its pcm by more than this was cut: codecs only ever add padding."""

STEP_MS = 20.0
"""Recommended buffers are multiples of this."""

MIN_BUFFER_MS = AdaptivePolicy().start_s * 1e3
"""What `AdaptivePolicy` buffers in any case."""


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


def findings(
    runs: Sequence[SpeechRun], reference: Mapping[int, Sequence[float]], *, is_streamed: bool = True
) -> list[str]:
    """Say what is wrong with one case, most serious first; ``reference`` is by `audio_by_text`.

    Unless ``is_streamed``, answers were not decoded as they arrived: bursts are not the server's.
    """
    burst = burst_finding(runs) if is_streamed else None
    sentences = (_cut(runs, reference), _slow(runs), burst, _gaps(runs))
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


def _gaps(runs: Sequence[SpeechRun]) -> str | None:
    with_gaps = sum(run.metrics["underruns"]["sink"]["count"] > 0 for run in runs)
    if not with_gaps:
        return None
    buffer_ms = recommended_buffer_ms(runs)
    return f"gaps in {with_gaps} of {len(runs)} runs; try --buffer-ms {buffer_ms:.0f}"
