"""Runs cases in turn, so that what disturbs the machine for a while disturbs them all."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from voicecli.bench.case import Measured
from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.bench.case import Outcome


def run_rounds(
    outcomes: Sequence[Outcome],
    *,
    runs: int,
    warmups: int,
    on_progress: Callable[[int, int, Outcome], None],
) -> None:
    """Run every case once, and again, for ``runs`` rounds after ``warmups`` that do not count.

    Results are in the outcomes at any moment, also when this is interrupted. A
    run that fails is noted and the others go on; of warm-ups that fail the number is.
    Garbage of the run before is collected first, so that no case pays for another.

    Args:
        outcomes: the cases, without readings yet.
        runs: rounds that count.
        warmups: rounds before them, in which imports, pools and caches settle.
        on_progress: told before each run: how many are done, of how many, and whose
            turn it is.
    """
    total = (warmups + runs) * len(outcomes)
    for number in range(total):
        round_, index = divmod(number, len(outcomes))
        outcome = outcomes[index]
        on_progress(number, total, outcome)
        gc.collect()
        try:
            measured = outcome.case.measure()
        except VoiceError as fault:
            if round_ >= warmups:
                outcome.failures.append(fault)
            else:
                outcome.warmups_failed += 1
        else:
            if round_ >= warmups:
                outcome.add(measured)
            elif isinstance(measured, Measured):
                outcome.warmups_failed += len(measured.failures)
