"""The only retry policy of the tests, for times alone.

A busy machine can make any single run late, but never early. So a limit on a time applies
to the best of a few runs. Content (samples, counts, exit codes) must be right in every run
and is never retried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def best_of(runs: int, measure: Callable[[], float], *, good_enough: float) -> float:
    """Return the least of up to ``runs`` measurements, stopping once one is ``good_enough``.

    Assertions inside ``measure`` are about content and fail at once.
    """
    best = measure()
    for _ in range(runs - 1):
        if best <= good_enough:
            break
        best = min(best, measure())
    return best
