"""One run as curves over time: audio decoded, audio heard, level of the buffer; pure.

The level is the height of the first curve above the second. In a gap the second is flat.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.speech import SpeechRun

Curve: TypeAlias = "tuple[tuple[float, float], ...]"
"""Points of a line: (seconds since t0, seconds of audio), in ascending order of time."""

COLUMNS = 120
"""Columns of a drawing: within one, only the extremes of a curve are visible."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence that was heard, in seconds.

    ``began_s`` is a time since t0, ``at_s`` a position in the audio.
    """

    began_s: float
    length_s: float
    at_s: float
    cause: str

    @property
    def ends_s(self) -> float:
        """When sound continued, in seconds since t0."""
        return self.began_s + self.length_s


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves of one run.

    ``decoded`` steps up with every block. ``heard`` rises by a second per second and is
    flat in gaps. ``level`` is their difference until the last sound. ``heard`` and ``gaps``
    are empty if nothing was heard, the others if nothing arrived.
    """

    decoded: Curve
    heard: Curve
    level: Curve
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, run: SpeechRun) -> Curves:
        """Build the curves of a run, with a step for every block."""
        arrivals = [(at_ms / 1e3, decoded_s) for at_ms, decoded_s in run.arrivals]
        gaps = _gaps(run)
        heard = _heard(run, gaps)
        if not arrivals:
            return cls((), heard, (), gaps)
        ends_s = max(at for at, _ in (*arrivals[-1:], *heard[-1:]))
        return cls(_steps(arrivals, ends_s), heard, _level(arrivals, heard), gaps)

    def thinned(self, columns: int = COLUMNS) -> Curves:
        """Drop points that are not visible at ``columns`` pixels of width."""
        return Curves(
            thinned(self.decoded, columns), self.heard, thinned(self.level, columns), self.gaps
        )

    @property
    def ends_s(self) -> float:
        """When the last curve ends, in seconds since t0."""
        return max((curve[-1][0] for curve in (self.decoded, self.heard) if curve), default=0.0)


def _gaps(run: SpeechRun) -> tuple[Gap, ...]:
    ttfa_ms = run.metrics["ttfa_ms"]
    if ttfa_ms is None:
        return ()
    gaps, silence_s = [], 0.0
    for event in sorted(run.metrics["underruns"]["sink"]["events"], key=lambda e: e["at_s"]):
        began_s = ttfa_ms / 1e3 + event["at_s"] + silence_s
        gaps.append(Gap(began_s, event["ms"] / 1e3, event["at_s"], event["cause"]))
        silence_s += event["ms"] / 1e3
    return tuple(gaps)


def _heard(run: SpeechRun, gaps: Sequence[Gap]) -> Curve:
    """Rise from the first sound at position 0 to the last, except in gaps."""
    ttfa_ms, playback_ms = run.metrics["ttfa_ms"], run.metrics["playback_ms"]
    if ttfa_ms is None or playback_ms is None:
        return ()
    ends_s = playback_ms / 1e3
    points = [(ttfa_ms / 1e3, 0.0)]
    for gap in gaps:
        if gap.began_s < ends_s:
            points += [(gap.began_s, gap.at_s), (min(gap.ends_s, ends_s), gap.at_s)]
    latest_s, position_s = points[-1]
    return (*points, (ends_s, position_s + ends_s - latest_s))


def _steps(arrivals: Sequence[tuple[float, float]], ends_s: float) -> Curve:
    points, before_s = [(0.0, 0.0)], 0.0
    for at, decoded_s in arrivals:
        points += [(at, before_s), (at, decoded_s)]
        before_s = decoded_s
    return (*points, (ends_s, before_s))


def _level(arrivals: Sequence[tuple[float, float]], heard: Curve) -> Curve:
    """Subtract heard from decoded, before and after every point of either."""
    times = [at for at, _ in arrivals]
    decoded_s = [0.0, *(decoded for _, decoded in arrivals)]
    heard_at = [at for at, _ in heard]
    heard_s = [position for _, position in heard]
    points: list[tuple[float, float]] = []
    for at in sorted({0.0, *times, *heard_at}):
        if heard and at > heard_at[-1]:
            break
        position_s = float(np.interp(at, heard_at, heard_s)) if heard else 0.0
        before, after = bisect_left(times, at), bisect_right(times, at)
        points += [(at, decoded_s[count] - position_s) for count in sorted({before, after})]
    return tuple(points)


def thinned(curve: Curve, columns: int = COLUMNS) -> Curve:
    """Reduce a curve to four points per column: the first, lowest, highest and last.

    This is M4 of Jugel et al. (PVLDB 7, 2014): at that many pixels of width the drawing
    stays the same.
    """
    if len(curve) <= 4 * columns:
        return curve
    from_s = curve[0][0]
    width_s = (curve[-1][0] - from_s) / columns or 1.0
    kept: list[tuple[float, float]] = []
    for _, members in groupby(curve, key=lambda point: int((point[0] - from_s) / width_s)):
        column = list(members)
        values = [value for _, value in column]
        low, high = values.index(min(values)), values.index(max(values))
        kept += [column[i] for i in sorted({0, low, high, len(column) - 1})]
    return tuple(kept)


def median_run(runs: Sequence[SpeechRun]) -> SpeechRun | None:
    """Find the run with the median time to first audio; None if none was heard."""
    heard = [run for run in runs if run.metrics["ttfa_ms"] is not None]
    heard.sort(key=lambda run: run.metrics["ttfa_ms"])
    return heard[(len(heard) - 1) // 2] if heard else None


def worst_run(runs: Sequence[SpeechRun]) -> SpeechRun | None:
    """Find the run with the longest total silence; None if no run has gaps."""
    worst = max(runs, key=silence_ms, default=None)
    return worst if worst is not None and silence_ms(worst) > 0 else None


def silence_ms(run: SpeechRun) -> float:
    """Return the total length of a run's gaps."""
    return float(run.metrics["underruns"]["sink"]["total_ms"])
