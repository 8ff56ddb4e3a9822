"""What many measurements of one thing come to, and how two such lots differ.

Nothing is assumed of how the measurements are distributed: waits for a server
have long tails, and of five runs nobody can tell. The intervals are those of
ranks alone (Conover, Practical Nonparametric Statistics, 1999, 3.2 and 5.4), and
there is none where the runs are too few to allow one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
"""Of all intervals: so many of them hold what they are about."""

ENOUGH_FOR_P99 = 100
"""Below so many measurements the 99th percentile is hardly anything but the greatest."""

_JSON_DIGITS = 4
_MOST_EXACT = 40
"""Lots of up to so many are compared by the exact distribution; beyond, by its limit."""


class Interval(NamedTuple):
    """Where something lies with a probability of at least `CONFIDENCE`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """How many measurements there were, and where they lie; in the unit of what was measured.

    ``p99`` is None below `ENOUGH_FOR_P99`; ``interval`` is that of the median, None
    below six.
    """

    n: int
    mean: float
    p50: float
    p95: float
    max: float
    p99: float | None = None
    interval: Interval | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """The summary of at least one finite value, in any order.

        Raises:
            ValueError: there is none.
        """
        if not values:
            raise ValueError("nothing was measured")
        ordered = sorted(values)
        return cls(
            n=len(ordered),
            mean=math.fsum(ordered) / len(ordered),
            p50=percentile(ordered, 50),
            p95=percentile(ordered, 95),
            max=ordered[-1],
            p99=percentile(ordered, 99) if len(ordered) >= ENOUGH_FOR_P99 else None,
            interval=median_interval(ordered),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON has it: four digits behind the point, ``ci95`` for the interval."""
        names = ("mean", "p50", "p95", "max", "p99")
        values = {name: _rounded(getattr(self, name)) for name in names}
        ends = None if self.interval is None else [_rounded(end) for end in self.interval]
        return {"n": self.n, **values, "ci95": ends}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _JSON_DIGITS)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value below which ``percent`` of ``ordered``, ascending, lie.

    Linear between neighbours, at rank ``percent / 100 * (n - 1)`` from 0: definition 7
    of Hyndman and Fan (The American Statistician 50, 1996), numpy's default. Of
    few values a high percentile is hardly less than the greatest.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("nothing was measured")
    rank = percent / 100 * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def median_interval(ordered: Sequence[float]) -> Interval | None:
    """Two of the values, ascending, between which the median lies; None with fewer than six.

    A value is below the median as often as a coin falls on heads, whatever the
    distribution: the interval leaves out so many at either end as fall there
    with a probability of at most half of what `CONFIDENCE` leaves.
    """
    n = len(ordered)
    if n > 2 * _MOST_EXACT:
        spread = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(n) / 2
        out = math.floor(n / 2 - spread)
    else:
        out, below = 0, 0.5**n
        while below <= (1 - CONFIDENCE) / 2:
            out += 1
            below += math.comb(n, out) * 0.5**n
    return Interval(ordered[out - 1], ordered[n - out]) if out else None


class Shift(NamedTuple):
    """By how much the second of two lots is greater; ``interval`` None with too few of them."""

    estimate: float
    interval: Interval | None


def shift(before: Sequence[float], after: Sequence[float]) -> Shift:
    """How far ``after`` lies above ``before``: the median of all differences in pairs.

    The estimate of Hodges and Lehmann (Annals of Mathematical Statistics 34,
    1963), and the interval that goes with the test of Mann and Whitney: it
    leaves out as many of the least and of the greatest differences as that test
    allows. Four in each lot are the fewest of which it can tell anything.

    Raises:
        ValueError: one of the lots is empty.
    """
    if not before or not after:
        raise ValueError("nothing was measured")
    differences = sorted(late - early for early in before for late in after)
    out = _left_out(len(before), len(after))
    ends = Interval(differences[out - 1], differences[-out]) if out else None
    return Shift(median(differences), ends)


def _left_out(m: int, n: int) -> int:
    """One more than the greatest U for which P(U' <= U) is at most half of what is left; or 0."""
    tail = (1 - CONFIDENCE) / 2
    if m > _MOST_EXACT or n > _MOST_EXACT:
        deviation = math.sqrt(m * n * (m + n + 1) / 12)
        return max(0, math.floor(m * n / 2 - NormalDist().inv_cdf(1 - tail) * deviation))
    counts = _mann_whitney(m, n)
    enough, below, u = tail * math.comb(m + n, n), 0, 0
    while below + counts[u] <= enough:
        below += counts[u]
        u += 1
    return u


@cache
def _mann_whitney(m: int, n: int) -> tuple[int, ...]:
    """In how many orders of m and n things U is 0, 1, ... m*n.

    They are the coefficients of the Gaussian binomial: the product over i from 1
    to n of (1 - q^(m+i)) / (1 - q^i).
    """
    counts = [1] + [0] * (m * n)
    for i in range(1, n + 1):
        for u in range(m * n, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    return tuple(counts)
