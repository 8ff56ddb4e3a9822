"""Running the main benchmark for ``voicecli bench``, and telling what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.bench import answers, comparison, ranking, report
from voicecli.bench.case import Outcome
from voicecli.cli.bench import options as checked
from voicecli.cli.bench import plan
from voicecli.cli.bench.rounds import dying_of, exit_status, show, take, terminable
from voicecli.cli.output import print_json, print_message, print_text
from voicecli.cli.settings import buffer_policy
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
    """What was measured, how, and what it was measured against."""

    outcomes: Sequence[Outcome]
    references: Mapping[int, Sequence[SpeechRun]]
    settings: Mapping[str, Any]
    interrupted: bool


class _Verdict(NamedTuple):
    """What it means: findings, differences from earlier, limits that were broken."""

    findings: Sequence[str]
    differences: Sequence[Difference]
    broken: Sequence[str]

    @property
    def is_bad(self) -> bool:
        return bool(self.broken) or any(one.verdict == "worse" for one in self.differences)


def run_bench(wishes: BenchOptions) -> int:
    """Measure as wished, tell it, and return the exit status.

    Raises:
        VoiceError: it could not begin, or what was measured could not be written.
        typer.BadParameter: wishes that contradict one another.
    """
    wishes.check()
    limits = checked.limits(wishes)
    before = checked.earlier(wishes.compare) if wishes.compare else None
    if wishes.report is not None:
        _check_page(wishes.report)
    config = find_config(os.environ)
    measured = _replay(wishes, config) if wishes.replay else _measure(wishes, config)
    verdict = _Verdict(
        findings=answers.conclude(measured.outcomes, measured.references),
        differences=comparison.compare(before, measured.outcomes) if before else (),
        broken=[said for limit in limits for o in measured.outcomes if (said := limit.breach(o))],
    )
    if before and (unlike := comparison.unlike(before, measured.settings)):
        print_message(f"warning: not measured as {wishes.compare} was: {', '.join(unlike)}")
    _tell(wishes, measured, verdict)
    if wishes.report is not None:
        _write_page(wishes.report, measured, verdict)
    status = exit_status(
        measured.outcomes,
        interrupted=measured.interrupted,
        tolerant=any(limit.metric == "failures" for limit in limits),
    )
    return status or (ExitStatus.LIMIT if verdict.is_bad else ExitStatus.OK)


def _measure(wishes: BenchOptions, config: Config) -> _Measurement:
    texts = checked.texts(wishes)
    with contextlib.ExitStack() as stack:
        # A server of our own must not outlive us.
        stack.enter_context(terminable(dying_of))
        recording = plan.recording(wishes)
        device = checked.device(wishes, config)
        found = plan.servers(wishes, config, stack)
        measured = plan.Plan(wishes, config, device, plan.proxy(wishes, stack), stack)
        variants = [variant for server in found for variant in measured.variants(server)]
        references = measured.references(found, texts)
        outcomes = [Outcome(case) for case in answers.cases(variants, texts, recording)]
        interrupted = take(outcomes, wishes.runs, wishes.warmups, quiet=wishes.quiet)
    settings = {
        "runs": wishes.runs,
        "warmups": wishes.warmups,
        # The texts may be anybody's letters: what matters is whether they are the same.
        "texts": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
        "texts_count": len(texts),
        "device": None if wishes.simulate else device,
        "simulate": wishes.simulate,
        "cold": wishes.cold,
        "network": wishes.network,
        "concurrency": wishes.concurrency,
        "buffer_ms": measured.buffer_ms,
        "warmups_failed": sum(outcome.warmups_failed for outcome in outcomes),
    }
    return _Measurement(outcomes, references, settings, interrupted)


def _replay(wishes: BenchOptions, config: Config) -> _Measurement:
    buffer_ms = config.buffer_ms if wishes.buffer_ms is None else wishes.buffer_ms
    cases = plan.replays(wishes.replay, buffer_policy(buffer_ms))
    outcomes = [Outcome(case) for case in cases]
    interrupted = take(outcomes, 1, 0, quiet=wishes.quiet)  # another run would be the same
    settings = {"runs": 1, "warmups": 0, "simulate": True, "buffer_ms": buffer_ms}
    return _Measurement(outcomes, {}, settings, interrupted)


def _tell(wishes: BenchOptions, measured: _Measurement, verdict: _Verdict) -> None:
    outcomes = measured.outcomes
    if wishes.json:
        told = report.as_json(
            comparison.KIND,
            measured.settings,
            outcomes,
            interrupted=measured.interrupted,
            values=True,
        )
        told["ok"] = told["ok"] and not verdict.is_bad
        told |= {
            "findings": list(verdict.findings),
            "compared": [one.to_json() for one in verdict.differences],
            "broken_limits": list(verdict.broken),
        }
        print_json(told)
    elif wishes.csv:
        print_text(report.as_csv(outcomes))
    else:
        show(outcomes, answers.columns(outcomes), answers.LEGEND)
        if wishes.verbose and any(outcome.runs for outcome in outcomes):
            more = answers.columns(outcomes, answers.MORE_COLUMNS)
            print(f"\n{report.table(outcomes, more)}\n{answers.MORE_LEGEND}")
        for line in _servers(outcomes):
            print(line)
        for line in (*verdict.findings, *map(str, verdict.differences)):
            print(line)
    for line in verdict.broken:
        print_message(f"limit broken: {line}")
    if wishes.json or wishes.csv:
        for line in report.failures(outcomes):
            print_message(line)


def _servers(outcomes: Sequence[Outcome]) -> list[str]:
    """Which server is which, where there are several."""
    endpoints = {o.case.labels["server"]: o.case.labels["endpoint"] for o in outcomes}
    named = [f"{number}: {endpoint}" for number, endpoint in endpoints.items()]
    return named if len(named) > 1 else []


# -- the page --------------------------------------------------------------------


def _check_page(path: Path) -> None:
    """See that a page can be made, before minutes are spent on measuring for it."""
    from voicecli.bench.page import document as page  # noqa: PLC0415  where it is wanted only

    page.check()
    if not path.parent.is_dir():
        raise SaveError(f"there is no folder {path.parent}")


def _write_page(path: Path, measured: _Measurement, verdict: _Verdict) -> None:
    from voicecli.bench.page import document as page  # noqa: PLC0415  as above

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
        findings=[*verdict.findings, *map(str, verdict.differences), *verdict.broken],
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    print_message(f"wrote {path}")
