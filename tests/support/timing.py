"""The one retry policy of the tests, for times only.

A machine shared with others can make any single run late, and can never make it
early. So a statement "within x ms" is about the best of a few runs, while
statements about content (samples, counts, exit codes) hold in every run and are
never retried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def best_of(runs: int, measure: Callable[[], float], *, good_enough: float) -> float:
    """The least of up to ``runs`` measurements; stops at the first ``good_enough`` one.

    Assertions inside ``measure`` are about content and fail at once.
    """
    best = measure()
    for _ in range(runs - 1):
        if best <= good_enough:
            break
        best = min(best, measure())
    return best
