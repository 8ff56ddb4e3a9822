"""What many measurements of one thing come to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_JSON_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """How many measurements there were, and where they lie; in the unit of what was measured."""

    n: int
    mean: float
    p50: float
    p95: float
    max: float

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
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON has it: four digits behind the point."""
        return {name: round(value, _JSON_DIGITS) for name, value in asdict(self).items()}


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
