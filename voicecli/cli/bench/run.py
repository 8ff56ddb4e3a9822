"""Run the main benchmark of ``voicecli bench`` and report the results."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.bench import answers, comparison, ranking, report
from voicecli.bench.case import Outcome
from voicecli.bench.explanation import explanations
from voicecli.cli.bench import plan
from voicecli.cli.bench.options import choose_device, parse_limits, read_earlier, read_texts
from voicecli.cli.bench.rounds import (
    exit_status,
    print_results,
    print_table_and_legend,
    raising_on_signals,
    run_cases,
)
from voicecli.cli.layout import terminal_width, wrap
from voicecli.cli.library_output import hidden_library_output
from voicecli.cli.output import print_json, print_message, print_paragraph, print_text
from voicecli.cli.settings import buffer_policy, flag_or
from voicecli.config.file import find_config
from voicecli.errors import ExitStatus, SaveError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from voicecli.bench.comparison import Difference
    from voicecli.bench.speech import SpeechRun
    from voicecli.cli.bench.options import BenchOptions
    from voicecli.config.file import Config


class _Measurement(NamedTuple):
    """The outcomes, the reference answers by server, and the settings."""

    outcomes: Sequence[Outcome]
    references: Mapping[int, Sequence[SpeechRun]]
    settings: Mapping[str, Any]
    interrupted: bool


class _Verdict(NamedTuple):
    """Findings, differences from an earlier run, and limits that were exceeded."""

    findings: Sequence[str]
    differences: Sequence[Difference]
    exceeded: Sequence[str]

    @property
    def is_bad(self) -> bool:
        return bool(self.exceeded) or any(one.verdict == "worse" for one in self.differences)


def run_bench(options: BenchOptions) -> int:
    """Measure, report, and return the exit status.

    Raises:
        VoiceError: the benchmark could not start, or its results could not be written.
        typer.BadParameter: options that cannot be combined.
    """
    options.check()
    with contextlib.nullcontext() if options.verbose else hidden_library_output():
        return _run(options)


def _run(options: BenchOptions) -> int:
    limits = parse_limits(options)
    before = read_earlier(options.compare) if options.compare else None
    if options.report is not None:
        _check_page(options.report)
    config = find_config(os.environ)
    measured = _replay(options, config) if options.replay else _measure(options, config)
    outcomes = measured.outcomes
    verdict = _Verdict(
        findings=answers.conclude(outcomes, measured.references),
        differences=comparison.compare(before, outcomes) if before else (),
        exceeded=[text for limit in limits for o in outcomes if (text := limit.breach(o))],
    )
    differing = comparison.differing_settings(before, measured.settings) if before else ()
    if differing and not options.quiet:
        print_message(f"warning: {options.compare} was measured with other {', '.join(differing)}")
    _report(options, measured, verdict)
    if options.report is not None:
        _write_page(options.report, measured, verdict)
    status = exit_status(
        outcomes,
        interrupted=measured.interrupted,
        ignore_failures=any(limit.metric == "failures" for limit in limits),
    )
    return status or (ExitStatus.LIMIT if verdict.is_bad else ExitStatus.OK)


def _measure(options: BenchOptions, config: Config) -> _Measurement:
    texts = read_texts(options)
    with contextlib.ExitStack() as stack:
        # Our local server must not outlive us; 128 + number is the shell's status for a signal.
        stack.enter_context(raising_on_signals(lambda number: SystemExit(128 + number)))
        trace_recorder = plan.trace_recorder(options)
        device = choose_device(options, config)
        servers = plan.servers(options, config, stack)
        runners = plan.Plan(options, config, device, plan.proxy(options, stack), stack)
        variants = [variant for server in servers for variant in runners.variants(server)]
        references = runners.references(servers, texts)
        outcomes = [Outcome(case) for case in answers.cases(variants, texts, trace_recorder)]
        interrupted = run_cases(outcomes, options.runs, options.warmups, quiet=options.quiet)
    settings = {
        "runs": options.runs,
        "warmups": options.warmups,
        # The texts may be private; a digest is enough to tell whether they are the same.
        "texts": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
        "texts_count": len(texts),
        "device": None if options.simulate else device,
        "simulate": options.simulate,
        "cold": options.cold,
        "network": options.network,
        "concurrency": options.concurrency,
        "buffer_ms": runners.buffer_ms,
        "warmups_failed": sum(outcome.warmups_failed for outcome in outcomes),
    }
    return _Measurement(outcomes, references, settings, interrupted)


def _replay(options: BenchOptions, config: Config) -> _Measurement:
    buffer_ms = flag_or(options.buffer_ms, config.buffer_ms)
    cases = plan.replays(options.replay, buffer_policy(buffer_ms))
    outcomes = [Outcome(case) for case in cases]
    interrupted = run_cases(outcomes, 1, 0, quiet=options.quiet)  # every run would be the same
    settings = {"runs": 1, "warmups": 0, "simulate": True, "buffer_ms": buffer_ms}
    return _Measurement(outcomes, {}, settings, interrupted)


def _report(options: BenchOptions, measured: _Measurement, verdict: _Verdict) -> None:
    outcomes = measured.outcomes
    if options.json:
        print_json(_as_json(measured, verdict))
    elif options.csv:
        print_text(report.as_csv(outcomes))
    else:
        shown = answers.columns(outcomes)
        print_results(outcomes, shown, answers.legend(shown))
        if options.verbose and any(outcome.runs for outcome in outcomes):
            more = answers.columns(outcomes, answers.MORE_COLUMNS)
            print_text("\n")
            print_table_and_legend(outcomes, more, answers.MORE_LEGEND)
        width = terminal_width(sys.stdout) or report.TERMINAL
        for sentence in explanations(outcomes):
            print_text("\n".join(wrap(sentence, width)) + "\n")
        for line in (*_servers(outcomes), *verdict.findings, *map(str, verdict.differences)):
            print_paragraph(line)
    for line in verdict.exceeded:
        print_message(f"limit exceeded: {line}")
    if options.json or options.csv:
        for line in report.failures(outcomes):
            print_message(line)


def _as_json(measured: _Measurement, verdict: _Verdict) -> dict[str, Any]:
    result = report.as_json(
        comparison.KIND,
        measured.settings,
        measured.outcomes,
        interrupted=measured.interrupted,
        values=True,
    )
    result["ok"] = result["ok"] and not verdict.is_bad
    return result | {
        "findings": list(verdict.findings),
        "compared": [one.to_json() for one in verdict.differences],
        "broken_limits": list(verdict.exceeded),
    }


def _servers(outcomes: Sequence[Outcome]) -> list[str]:
    """List the servers by number if there are several."""
    endpoints = {o.case.labels["server"]: o.case.labels["endpoint"] for o in outcomes}
    named = [f"{number}: {endpoint}" for number, endpoint in endpoints.items()]
    return named if len(named) > 1 else []


def _check_page(path: Path) -> None:
    """Check that the page can be made, before minutes are spent on measuring for it."""
    from voicecli.bench.page import document as page  # noqa: PLC0415  only for --report

    page.check()
    if not os.path.isdir(path.parent):  # noqa: PTH112  Path.is_dir raises for names too long
        raise SaveError(f"there is no folder {path.parent}")


def _write_page(path: Path, measured: _Measurement, verdict: _Verdict) -> None:
    from voicecli.bench.page import document as page  # noqa: PLC0415  only for --report

    outcomes = [outcome for outcome in measured.outcomes if outcome.runs or outcome.failures]
    text = page.render(
        [
            page.PageCase(o.case.name, o.details, [fault.message for fault in o.failures])
            for o in outcomes
        ],
        headline=ranking.headline(outcomes),
        settings=measured.settings,
        machine=report.machine(),
        table=[
            [name, *row]
            for name, row in zip(
                ["case", *(outcome.case.name for outcome in outcomes)],
                report.cells(outcomes, [*answers.COLUMNS, *answers.MORE_COLUMNS]),
                strict=True,
            )
        ],
        findings=[*verdict.findings, *map(str, verdict.differences), *verdict.exceeded],
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    print_message(f"wrote {path}")
