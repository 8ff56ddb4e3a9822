"""Running a benchmark for a command: cases in turn, a line on the terminal, a table or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from voicecli.bench import report
from voicecli.bench.cases import Outcome
from voicecli.bench.runner import run_rounds
from voicecli.cli.output import print_json, tell
from voicecli.cli.progress import StatusLine, wants_progress
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.bench.cases import Case
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
    interrupted = False
    with StatusLine(wanted=wants_progress(quiet=quiet)) as line:

        def on_progress(done: int, total: int, outcome: Outcome) -> None:
            line.show(f"{done}/{total} runs  {outcome.case.name}")

        try:
            run_rounds(outcomes, runs=runs, warmups=warmups, on_progress=on_progress)
        except KeyboardInterrupt:
            interrupted = True
    if json_:
        settings = {**benchmark.settings, "runs": runs, "warmups": warmups}
        told = report.as_json(benchmark.kind, settings, outcomes, interrupted=interrupted)
        print_json(told)
    else:
        _show(benchmark, outcomes)
    faults = [fault for outcome in outcomes for fault in outcome.failures]
    if interrupted:
        raise typer.Exit(ExitStatus.INTERRUPTED)
    if faults:
        raise typer.Exit(faults[0].exit_status)


def _show(benchmark: Benchmark, outcomes: Sequence[Outcome]) -> None:
    """The table on standard output; failures go where errors go."""
    measured = [outcome for outcome in outcomes if outcome.runs]
    if measured:
        print(report.table(measured, benchmark.columns))
        print(benchmark.legend)
    for line in report.failures(outcomes):
        tell(line)
