"""Run benchmark cases in turn: progress on the terminal, then a table or JSON."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from voicecli.bench import report
from voicecli.bench.case import Outcome
from voicecli.bench.rounds import run_rounds
from voicecli.cli.layout import terminal_width
from voicecli.cli.output import print_json, print_message, print_paragraph, print_text
from voicecli.cli.progress import StatusLine, wants_progress
from voicecli.cli.signals import unignored
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from voicecli.bench.case import Case
    from voicecli.bench.report import Column


def run_benchmark(
    bench: ModuleType,
    cases: Sequence[Case],
    settings: Any,
    *,
    runs: int,
    warmups: int,
    json_: bool,
    quiet: bool,
) -> None:
    """Run cases of a component and print the results, those before an interrupt included.

    ``bench`` is the component's module in `voicecli.bench.components`; its name is the
    ``kind`` in JSON. ``settings`` is a dataclass.

    Raises:
        typer.Exit: interrupted, or a run failed; with the status of the first failure.
    """
    outcomes = [Outcome(case) for case in cases]
    interrupted = run_cases(outcomes, runs, warmups, quiet=quiet)
    if json_:
        kind = bench.__name__.rpartition(".")[2]
        shown = {**asdict(settings), "runs": runs, "warmups": warmups}
        print_json(report.as_json(kind, shown, outcomes, interrupted=interrupted))
    else:
        print_results(outcomes, bench.COLUMNS, bench.LEGEND)
    if status := exit_status(outcomes, interrupted=interrupted):
        raise typer.Exit(status)


def run_cases(outcomes: Sequence[Outcome], runs: int, warmups: int, *, quiet: bool) -> bool:
    """Run all cases, with progress on the terminal; return whether it was interrupted.

    SIGTERM and SIGHUP count as interrupts. Results up to then are in the outcomes.
    """
    began = time.monotonic()
    with (
        StatusLine(wanted=wants_progress(quiet=quiet)) as line,
        raising_on_signals(lambda _: KeyboardInterrupt()),
    ):

        def on_progress(done: int, total: int, outcome: Outcome) -> None:
            line.show(_progress(done, total, outcome, time.monotonic() - began))

        try:
            run_rounds(outcomes, runs=runs, warmups=warmups, on_progress=on_progress)
        except KeyboardInterrupt:
            return True
    return False


def _progress(done: int, total: int, outcome: Outcome, elapsed_s: float) -> str:
    parts = [f"{done}/{total} runs", outcome.case.name]
    if latest := outcome.readings.get("ttfa_ms"):
        parts.append(f"TTFA {latest[-1]:.0f} ms")
    if failed := len(outcome.failures):
        parts.append(f"{failed} failed")
    if done:
        parts.append(f"{elapsed_s / done * (total - done):.0f} s left")
    return " · ".join(parts)


@contextlib.contextmanager
def raising_on_signals(make_exception: Callable[[int], BaseException]) -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, so that started processes are cleaned up.

    One that is ignored, as SIGHUP is under nohup, stays ignored.
    """

    def handle(number: int, _frame: object) -> None:
        raise make_exception(number)

    numbers = unignored(signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def exit_status(
    outcomes: Sequence[Outcome], *, interrupted: bool, ignore_failures: bool = False
) -> ExitStatus:
    """Return the status of the first failure, or of an interrupt."""
    if interrupted:
        return ExitStatus.INTERRUPTED
    faults = [fault for outcome in outcomes for fault in outcome.failures]
    return faults[0].exit_status if faults and not ignore_failures else ExitStatus.OK


def print_table_and_legend(
    outcomes: Sequence[Outcome], columns: Sequence[Column], legend: str
) -> None:
    """Print a table on standard output, and what its titles mean."""
    width = terminal_width(sys.stdout) or report.TERMINAL
    print_text("\n\n".join(report.tables(outcomes, columns, width)) + "\n")
    if width >= report.TERMINAL:
        print_text(f"{legend}\n")
    else:
        print_paragraph(" ".join(legend.split("\n")))


def print_results(outcomes: Sequence[Outcome], columns: Sequence[Column], legend: str) -> None:
    """Print the table on standard output, and the failures on standard error."""
    measured = [outcome for outcome in outcomes if outcome.runs]
    if measured:
        print_table_and_legend(measured, columns, legend)
    for line in report.failures(outcomes):
        print_message(line)
