"""Run cases in turn, so that a disturbance of the machine affects them all."""

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
    """Run every case once a round: ``warmups`` rounds that do not count, then ``runs``.

    Results are in the outcomes at any moment, even after an interrupt. A run that fails
    is recorded and the others go on; failed warm-ups are only counted. Garbage is
    collected before each run, so that no case pays for another.

    Args:
        outcomes: the cases, without readings yet.
        runs: rounds that count.
        warmups: rounds before them, in which imports, pools and caches settle.
        on_progress: called before each run with the number of runs done, their total,
            and the case about to run.
    """
    total = (warmups + runs) * len(outcomes)
    for number in range(total):
        round_, index = divmod(number, len(outcomes))
        outcome = outcomes[index]
        on_progress(number, total, outcome)
        gc.collect()
        try:
            measured = outcome.case.measure()
        except VoiceError as error:
            if round_ >= warmups:
                outcome.failures.append(error)
            else:
                outcome.warmups_failed += 1
        else:
            if round_ >= warmups:
                outcome.add(measured)
            elif isinstance(measured, Measured):
                outcome.warmups_failed += len(measured.failures)
