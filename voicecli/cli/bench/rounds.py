"""Running a benchmark for a command: cases in turn, a line on the terminal, a table or JSON."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from voicecli.bench import report
from voicecli.bench.case import Outcome
from voicecli.bench.rounds import run_rounds
from voicecli.cli.output import print_json, print_message
from voicecli.cli.progress import StatusLine, wants_progress
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from voicecli.bench.case import Case
    from voicecli.bench.report import Column


class Benchmark(NamedTuple):
    """What is run, and how it is told.

    ``kind`` names it in JSON, beside the ``settings``; ``columns`` are those of the
    table, and ``legend`` says what their titles mean.
    """

    kind: str
    cases: Sequence[Case]
    settings: Mapping[str, Any]
    columns: Sequence[Column]
    legend: str


def run_benchmark(
    benchmark: Benchmark, *, runs: int, warmups: int, json_: bool, quiet: bool
) -> None:
    """Run the cases and show what came of them.

    An interrupt ends the runs; what was measured by then is shown all the same.

    Raises:
        typer.Exit: it was interrupted, or a run failed; with the status of the first
            failure.
    """
    outcomes = [Outcome(case) for case in benchmark.cases]
    interrupted = take(outcomes, runs, warmups, quiet=quiet)
    if json_:
        settings = {**benchmark.settings, "runs": runs, "warmups": warmups}
        told = report.as_json(benchmark.kind, settings, outcomes, interrupted=interrupted)
        print_json(told)
    else:
        show(outcomes, benchmark.columns, benchmark.legend)
    if status := exit_status(outcomes, interrupted=interrupted):
        raise typer.Exit(status)


def take(outcomes: Sequence[Outcome], runs: int, warmups: int, *, quiet: bool) -> bool:
    """Run all cases with a line on the terminal; whether an interrupt ended it early.

    SIGTERM and SIGHUP are interrupts as well. What was measured by then is in the outcomes.
    """
    began = time.monotonic()
    with (
        StatusLine(wanted=wants_progress(quiet=quiet)) as line,
        terminable(lambda _: KeyboardInterrupt()),
    ):

        def on_progress(done: int, total: int, outcome: Outcome) -> None:
            line.show(_progress(done, total, outcome, time.monotonic() - began))

        try:
            run_rounds(outcomes, runs=runs, warmups=warmups, on_progress=on_progress)
        except KeyboardInterrupt:
            return True
    return False


def _progress(done: int, total: int, outcome: Outcome, elapsed_s: float) -> str:
    """How far it is, how long it will take, and what the case at hand came to last."""
    parts = [f"{done}/{total} runs", outcome.case.name]
    if latest := outcome.readings.get("ttfa_ms"):
        parts.append(f"TTFA {latest[-1]:.0f} ms")
    if failed := len(outcome.failures):
        parts.append(f"{failed} failed")
    if done:
        parts.append(f"{elapsed_s / done * (total - done):.0f} s left")
    return " · ".join(parts)


@contextlib.contextmanager
def terminable(raised: Callable[[int], BaseException]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise what ``raised`` makes of their number.

    They would end the process at once, and leave behind what it started. nohup's wish
    not to hear of SIGHUP stands.
    """

    def stop(number: int, _frame: object) -> None:
        raise raised(number)

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def dying_of(number: int) -> SystemExit:
    """The end by a signal that came before there was anything to tell, as a shell puts it."""
    return SystemExit(128 + number)


def exit_status(
    outcomes: Sequence[Outcome], *, interrupted: bool, tolerant: bool = False
) -> ExitStatus:
    """What runs came to: the status of the first failure, unless the caller is ``tolerant``."""
    if interrupted:
        return ExitStatus.INTERRUPTED
    faults = [fault for outcome in outcomes for fault in outcome.failures]
    return faults[0].exit_status if faults and not tolerant else ExitStatus.OK


def show(outcomes: Sequence[Outcome], columns: Sequence[Column], legend: str) -> None:
    """The table on standard output; failures go where errors go."""
    measured = [outcome for outcome in outcomes if outcome.runs]
    if measured:
        print(report.table(measured, columns))
        print(legend)
    for line in report.failures(outcomes):
        print_message(line)
