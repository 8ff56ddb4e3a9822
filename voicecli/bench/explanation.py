"""Explain the rows of a benchmark's table in sentences; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.bench.findings import MIN_BUFFER_MS
from voicecli.bench.report import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.bench.case import Outcome


def explanations(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a sentence for each case with a first sound."""
    return [f"{o.case.name}: {'; '.join(_parts(o))}" for o in outcomes if o.readings.get("ttfa_ms")]


def _parts(outcome: Outcome) -> Iterator[str]:
    start, rtf, gaps, needed = map(
        outcome.summary, ("ttfa_ms", "rtf", "gaps", "recommended_buffer_ms")
    )
    assert start is not None
    yield f"starts after {start.p50:.0f} ms" + (f", {_speed(rtf.p50)}" if rtf else "")
    if gaps is not None and gaps.mean > 0:
        remedy = f": try --buffer-ms {needed.max:.0f}" if needed else ""
        yield f"{number(gaps.mean)} gaps a run{remedy}"
    elif needed is None or needed.max <= MIN_BUFFER_MS:
        yield "the default buffer is enough"
    else:
        yield f"needs --buffer-ms {needed.max:.0f}, which the default finds out"


def _speed(rtf: float) -> str:
    factor = rtf if rtf >= 1 else 1 / max(rtf, 0.001)
    shown = f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}"  # noqa: PLR2004  two digits
    return f"{shown} times {'slower' if rtf >= 1 else 'faster'} than speech"
