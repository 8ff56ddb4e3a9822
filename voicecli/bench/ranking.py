"""Which case is heard first, as far as the number of runs can tell; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.bench.report import number
from voicecli.bench.statistics import shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.bench.case import Outcome

METRIC = "ttfa_ms"

MIN_LEAD_MS = 1.0
"""A smaller lead does not count, however certain it is."""

_MAX_NAMES = 3
"""Up to this many cases are named one by one."""


def headline(outcomes: Sequence[Outcome]) -> str:
    """Name the case with the smallest median in one sentence, for the top of a page.

    Cases that may be as early, by the interval of `voicecli.bench.statistics.shift`,
    are named with it.
    """
    heard = [o for o in outcomes if o.readings.get(METRIC)]
    heard.sort(key=_median_ms)
    if not heard:
        return "Nothing was heard"
    if len(heard) == 1:
        return f"{heard[0].case.name} is heard after {number(_median_ms(heard[0]))} ms"
    first = [heard[0], *(other for other in heard[1:] if not _is_later(other, heard[0]))]
    if len(first) == 1:
        return f"{heard[0].case.name} is heard first after {number(_median_ms(heard[0]))} ms"
    ends = " to ".join(dict.fromkeys(number(_median_ms(one)) for one in (first[0], first[-1])))
    if len(first) > _MAX_NAMES:
        return f"{len(first)} cases are too close to tell which is heard first, after {ends} ms"
    names = " or ".join(one.case.name for one in first)
    return f"{names} is heard first, after {ends} ms: too close to tell"


def _median_ms(outcome: Outcome) -> float:
    summary = outcome.summary(METRIC)
    assert summary is not None
    return summary.p50


def _is_later(later: Outcome, earlier: Outcome) -> bool:
    lead = shift(earlier.readings[METRIC], later.readings[METRIC])
    return lead.interval is not None and lead.interval.low > 0 and lead.estimate >= MIN_LEAD_MS
