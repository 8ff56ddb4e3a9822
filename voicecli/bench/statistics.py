"""Summaries of measurements, and the difference between two samples.

Nothing is assumed about the distribution: waits for a server have long tails, and five
runs cannot reveal it. The intervals are based on ranks alone (Conover, Practical
Nonparametric Statistics, 1999, 3.2 and 5.4). With too few runs there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE_IN = 40
"""One true value in this many lies below a 95 % interval, and one above."""

MIN_FOR_P99 = 100
"""With fewer measurements the 99th percentile is hardly more than the maximum."""

_JSON_DIGITS = 4
_MAX_EXACT = 40
"""Larger samples are compared by the normal approximation of the exact distribution."""


class Interval(NamedTuple):
    """Contains the true value with a probability of at least 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The number of measurements, and where they lie, in their own unit.

    ``p99`` is None with fewer than `MIN_FOR_P99`. ``interval`` is that of the median,
    None with fewer than six.
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
        """Summarise at least one finite value, in any order.

        Raises:
            ValueError: there are no values.
        """
        ordered = sorted(values)
        return cls(
            n=len(ordered),
            p50=percentile(ordered, 50),
            p95=percentile(ordered, 95),
            mean=math.fsum(ordered) / len(ordered),
            max=ordered[-1],
            p99=percentile(ordered, 99) if len(ordered) >= MIN_FOR_P99 else None,
            interval=median_interval(ordered),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the summary rounded to four decimals, with the interval as ``ci95``."""
        names = ("mean", "p50", "p95", "max", "p99")
        values = {name: _rounded(getattr(self, name)) for name in names}
        ends = None if self.interval is None else [_rounded(end) for end in self.interval]
        return {"n": self.n, **values, "ci95": ends}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _JSON_DIGITS)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Compute a percentile of ascending values, interpolating linearly.

    Definition 7 of Hyndman and Fan (The American Statistician 50, 1996), as in numpy.

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
    """Find two of the ascending values between which the median lies; None with fewer than six.

    Whatever the distribution, the number of values below the median is binomial with
    p = 1/2. The interval drops as many values at either end as that allows.
    """
    n = len(ordered)
    dropped, term, below = 0, 1, 1  # `term` is comb(n, dropped), `below` the sum of all so far
    while below <= 2**n // _ONE_IN:
        term = term * (n - dropped) // (dropped + 1)
        dropped += 1
        below += term
    return Interval(ordered[dropped - 1], ordered[n - dropped]) if dropped else None


class Shift(NamedTuple):
    """How much greater one sample is than another; ``interval`` is None if they are too small."""

    estimate: float
    interval: Interval | None


def shift(before: Sequence[float], after: Sequence[float]) -> Shift:
    """Estimate how far ``after`` lies above ``before``.

    The estimate is the median of all pairwise differences (Hodges and Lehmann, Annals of
    Mathematical Statistics 34, 1963). The interval is that of the Mann-Whitney test, which
    needs at least four values in each sample.

    Raises:
        ValueError: one of the samples is empty.
    """
    if not before or not after:
        raise ValueError("nothing was measured")
    differences = sorted(late - early for early in before for late in after)
    dropped = _dropped_differences(len(before), len(after))
    ends = Interval(differences[dropped - 1], differences[-dropped]) if dropped else None
    return Shift(median(differences), ends)


def _dropped_differences(m: int, n: int) -> int:
    """Count the differences that the interval drops at either end: U values in the tail."""
    if m > _MAX_EXACT or n > _MAX_EXACT:
        deviation = math.sqrt(m * n * (m + n + 1) / 12)
        return max(0, math.floor(m * n / 2 - NormalDist().inv_cdf(1 - 1 / _ONE_IN) * deviation))
    counts = _mann_whitney(m, n)
    limit, below, u = math.comb(m + n, n) // _ONE_IN, 0, 0
    while below + counts[u] <= limit:
        below += counts[u]
        u += 1
    return u


@cache
def _mann_whitney(m: int, n: int) -> tuple[int, ...]:
    """Count the orders of m and n things in which U is 0, 1, ... m*n.

    The counts are the coefficients of the Gaussian binomial: the product over i from 1
    to n of (1 - q^(m+i)) / (1 - q^i).
    """
    counts = [1] + [0] * (m * n)
    for i in range(1, n + 1):
        for u in range(m * n, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    return tuple(counts)
