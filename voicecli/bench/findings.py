"""What the numbers of a speech server mean for those who listen to it; pure.

Each finding is one sentence. It is told where it holds for the median run, so
that one freak among many is no finding; what limits it has are named here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from voicecli.playback.policy import GRAIN_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voicecli.bench.speech import SpeechRun

CUT_MS = 40.0
"""Speech that is shorter than as pcm by more than this was cut: no codec's padding is negative."""

PAUSE_S = 0.25
"""A server that sends nothing for so long and then much at once has held it back."""

AT_ONCE_S = 0.05
"""What arrives within so long arrives at once."""

LARGE_PART = 0.5
"""Of the audio that comes at once after a pause: from here on the server does not stream."""

LONG_PAUSE_S = 1.0
"""A wait that holds back, whatever the length of what comes after it."""

TELLING_PAUSE = 0.2
"""Of the burst: a shorter wait in front of it may be a far server that is fast."""

LEAST_AUDIO_S = 1.0
"""Shorter speech may well be one burst."""

STEP_MS = 20.0
"""Recommended buffers are multiples of it."""

LEAST_BUFFER_MS = 60.0
"""What is held in any case, as `AdaptivePolicy` has it."""


class Burst(NamedTuple):
    """The greatest amount that came at once after a pause, both in seconds."""

    audio_s: float
    pause_s: float


def largest_burst(arrivals: Sequence[tuple[float, float]]) -> Burst:
    """The greatest of an arrival curve (ms since t0, seconds so far); t0 itself begins a pause."""
    greatest = Burst(0.0, 0.0)
    before_ms = before_s = 0.0
    for first, (at_ms, _) in enumerate(arrivals):
        pause_s = (at_ms - before_ms) / 1e3
        if pause_s >= PAUSE_S:
            until_ms = at_ms + AT_ONCE_S * 1e3
            came = [audio_s for ms, audio_s in arrivals[first:] if ms <= until_ms]
            greatest = max(greatest, Burst(came[-1] - before_s, pause_s))
        before_ms, before_s = at_ms, arrivals[first][1]
    return greatest


def buffer_needed_ms(run: SpeechRun) -> float:
    """The least ``--buffer-ms`` that plays these arrivals without a gap, in ms of audio.

    The start has to wait for ``needed_prebuffer_ms`` after the first arrival; an
    amount of audio makes it wait so long if it is more than what had come by then.
    """
    needed_ms = run.metrics["needed_prebuffer_ms"] or 0.0
    if needed_ms <= GRAIN_S * 1e3 or not run.arrivals:
        return LEAST_BUFFER_MS
    start_ms = run.arrivals[0][0] + needed_ms
    # Both are rounded to a tenth: what arrives just then is in time.
    had_s = [audio_s for at_ms, audio_s in run.arrivals if at_ms < start_ms - 0.2]
    return max(LEAST_BUFFER_MS, had_s[-1] * 1e3)


def recommended_buffer_ms(runs: Sequence[SpeechRun]) -> float | None:
    """What ``--buffer-ms`` would have kept nearly all of the runs whole; None without any.

    It is the 95th percentile, rounded up to the next step: below twenty runs the
    greatest of them.
    """
    needed = sorted(buffer_needed_ms(run) for run in runs if run.arrivals)
    if not needed:
        return None
    enough = needed[math.ceil(0.95 * len(needed)) - 1]
    return math.ceil(enough / STEP_MS) * STEP_MS


def audio_by_text(runs: Iterable[SpeechRun]) -> dict[int, list[float]]:
    """Seconds of audio of every answer, by the number of the text that was spoken."""
    lengths: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        lengths[run.text].append(run.metrics["audio_s"])
    return dict(lengths)


def missing_ms(run: SpeechRun, reference: Mapping[int, Sequence[float]]) -> float | None:
    """How much shorter an answer is than the same text as pcm; None where that is not known.

    A server whose speech differs from one answer to the next is given the
    benefit: the shortest pcm counts. Less than nothing is longer.
    """
    lengths = reference.get(run.text)
    return (min(lengths) - run.metrics["audio_s"]) * 1e3 if lengths else None


def findings(runs: Sequence[SpeechRun], reference: Mapping[int, Sequence[float]]) -> list[str]:
    """What is to be said of one case, most serious first; ``reference`` is by `audio_by_text`."""
    told = (_cut(runs, reference), _slow(runs), _bursts(runs), _gaps(runs))
    return [sentence for sentence in told if sentence]


def _cut(runs: Sequence[SpeechRun], reference: Mapping[int, Sequence[float]]) -> str | None:
    missing = [ms for run in runs if (ms := missing_ms(run, reference)) is not None]
    if not missing or median(missing) <= CUT_MS:
        return None
    return f"cuts the end: {median(missing):.0f} ms less than as pcm"


def _slow(runs: Sequence[SpeechRun]) -> str | None:
    paces = [run.pace for run in runs if run.pace is not None]
    if not paces or median(paces) >= 1:
        return None
    return f"slower than speech: at {median(paces):.2f} of its pace, a long text has to pause"


def _bursts(runs: Sequence[SpeechRun]) -> str | None:
    long_runs = [run for run in runs if run.metrics["audio_s"] >= LEAST_AUDIO_S]
    if not long_runs:
        return None
    bursts = [largest_burst(run.arrivals) for run in long_runs]
    part = median(
        burst.audio_s / run.metrics["audio_s"] for burst, run in zip(bursts, long_runs, strict=True)
    )
    pause_s = median(burst.pause_s for burst in bursts)
    audio_s = median(burst.audio_s for burst in bursts)
    if part < LARGE_PART or pause_s < min(LONG_PAUSE_S, TELLING_PAUSE * audio_s):
        return None
    return (
        f"buffers, then bursts: {part:.0%} of the audio came at once, "
        f"after {pause_s * 1e3:.0f} ms of nothing"
    )


def _gaps(runs: Sequence[SpeechRun]) -> str | None:
    gapped = sum(run.metrics["underruns"]["sink"]["count"] > 0 for run in runs)
    if not gapped:
        return None
    return f"gaps in {gapped} of {len(runs)} runs; --buffer-ms {recommended_buffer_ms(runs):.0f}"
