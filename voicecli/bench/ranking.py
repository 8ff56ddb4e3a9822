"""Who is heard first, as far as so many runs can tell; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.bench.report import number
from voicecli.bench.statistics import shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Outcome

METRIC = "ttfa_ms"

LEAST_MS = 1.0
"""A lead of less is none, however certain it is."""

_FEW = 3
"""So many cases are named one by one."""


def headline(outcomes: Sequence[Outcome]) -> str:
    """One sentence for the top of a page: the case with the least median, and when it is heard.

    Others that may be as early, by the interval of `voicecli.bench.statistics.shift`, are
    named beside it: of two lots that overlap, one always has the lesser median.
    """
    heard = [o for o in outcomes if o.readings.get(METRIC)]
    heard.sort(key=_median_ms)
    if not heard:
        return "Nothing was heard"
    if len(heard) == 1:
        return f"{heard[0].case.name} is heard after {number(_median_ms(heard[0]))} ms"
    first = [heard[0], *(one for one in heard[1:] if not _is_later(one, heard[0]))]
    if len(first) == 1:
        return f"{heard[0].case.name} is heard first after {number(_median_ms(heard[0]))} ms"
    ends = " to ".join(dict.fromkeys(number(_median_ms(one)) for one in (first[0], first[-1])))
    if len(first) > _FEW:
        return f"Which of {len(first)} is heard first, these runs cannot tell: after {ends} ms"
    names = " or ".join(one.case.name for one in first)
    return f"{names} is heard first, after {ends} ms: these runs cannot tell"


def _median_ms(outcome: Outcome) -> float:
    summary = outcome.summary(METRIC)
    assert summary is not None
    return summary.p50


def _is_later(one: Outcome, other: Outcome) -> bool:
    lead = shift(other.readings[METRIC], one.readings[METRIC])
    return lead.interval is not None and lead.interval.low > 0 and lead.estimate >= LEAST_MS
