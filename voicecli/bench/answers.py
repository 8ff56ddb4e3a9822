"""The main benchmark: answers of speech servers, by server, format and way of hearing."""

from __future__ import annotations

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from voicecli.bench.case import Case, Measured, Outcome
from voicecli.bench.findings import audio_by_text, findings, missing_ms, recommended_buffer_ms
from voicecli.bench.report import TERMINAL, Column, table
from voicecli.bench.speech import SpeechRun, readings
from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from voicecli.bench.runners import Runner
    from voicecli.request import SpeechRequest

    Listening = contextlib.AbstractContextManager[Sequence[object]]

STREAMED, WHOLE_FILE, COLD, REPLAYED = "streamed", "whole", "cold", "replayed"
"""How an answer is heard: as it comes, as a whole file, in a new process, from a trace."""

REFERENCE_FORMAT = "pcm"
"""What has no padding, and so tells how long the speech is."""

_NOT_OF_WHOLE_FILES = ("bytes", "chunks", "kbit_s", "decode_ms")
"""What would speak of the decoded clip, and not of what the server sent."""

LABELS = (
    Column("", "server", "server"),
    Column("", "format", "format"),
    Column("", "heard", "method"),
)
COLUMNS = (
    Column("", "n", "ttfb_ms", "n"),
    Column("launch ms", "p50", "launch_to_sound_ms", "p50"),
    Column("TTFB ms", "p50", "ttfb_ms", "p50"),
    Column("TTFA ms", "p50", "ttfa_ms", "p50"),
    Column("TTFA ms", "p95", "ttfa_ms", "p95"),
    Column("TTFA ms", "95 %", "ttfa_ms", "interval"),
    Column("audible", "p50", "ttfa_audible_ms", "p50"),
    Column("", "RTF", "rtf", "p50"),
    Column("", "gaps", "gaps", "mean"),
    Column("", "clean", "continuity_pct", "mean"),
    Column("", "kbit/s", "kbit_s", "p50"),
    Column("", "buffer", "recommended_buffer_ms", "max"),
)
MORE_COLUMNS = (
    Column("TTFB ms", "p95", "ttfb_ms", "p95"),
    Column("TTFA ms", "p99", "ttfa_ms", "p99"),
    Column("TTFA ms", "max", "ttfa_ms", "max"),
    Column("gaps by", "network", "network_gaps", "mean"),
    Column("gaps by", "device", "device_gaps", "mean"),
    Column("decode", "ms", "decode_ms", "p50"),
    Column("silence", "ms", "leading_silence_ms", "p50"),
    Column("audio", "s", "audio_s", "p50"),
    Column("missing", "ms", "missing_ms", "max"),
    Column("", "bytes", "bytes", "p50"),
)
MORE_LEGEND = (
    "gaps by network: what arrivals alone imply; by device: what it flagged itself;\n"
    "silence: in front of the speech; missing: shorter than as pcm by so much"
)
LEGEND = (
    "TTFA: from the request to the first sample heard; 95 %: where its median lies;\n"
    "audible: to the first above −40 dBFS. gaps: in a run; clean: % of runs without;\n"
    "buffer: the least --buffer-ms that would have left none"
)
_LEAST_NEEDED = (
    "ttfb_ms p95",
    "kbit_s p50",
    "ttfb_ms n",
    "rtf p50",
    "ttfa_ms interval",
    "ttfa_audible_ms p50",
)
"""Columns to leave out, in this order, where the terminal is too narrow for all."""


class Variant(NamedTuple):
    """One way to one server: what a case is made of.

    ``server`` numbers the endpoints, from 1. ``runners`` are used side by side, one
    request each; their number is the concurrency.
    """

    server: int
    endpoint: str
    method: str
    request: SpeechRequest
    runners: Sequence[Runner]

    @property
    def name(self) -> str:
        """Format, method unless it is the usual one, and server, with hyphens; for files."""
        parts = [self.request.response_format, self.method, f"server{self.server}"]
        return "-".join(part for part in parts if part not in (STREAMED, "server1"))


@dataclass(slots=True)
class ObserverFactory:
    """Makes what else listens to each answer: ``make`` gets the way and a number from 1.

    Those of ``warmups``, the first runs of each case, are not listened to. May be
    called from several threads at once.
    """

    make: Callable[[Variant, int], Listening] | None = None
    warmups: int = 0
    _numbers: dict[str, Iterator[int]] = field(default_factory=dict)

    def __call__(self, variant: Variant, run: int) -> Listening:
        """Those of the answer to a ``run``, counted from 0, warm-ups included."""
        if self.make is None or run < self.warmups:
            return contextlib.nullcontext(())
        return self.make(variant, next(self._numbers.setdefault(variant.name, itertools.count(1))))


def cases(variants: Iterable[Variant], texts: Sequence[str], observe: ObserverFactory) -> list[Case]:
    """A case a way; run k of each speaks text k, and begins anew after the last."""
    return [_case(variant, texts, observe) for variant in variants]


def _case(variant: Variant, texts: Sequence[str], observe: ObserverFactory) -> Case:
    labels: dict[str, str | int] = {
        "server": variant.server,
        "endpoint": variant.endpoint,
        "format": variant.request.response_format,
        "method": variant.method,
    }
    parts = [variant.request.response_format, "" if variant.method == STREAMED else variant.method]
    title = " ".join(part for part in (*parts, f"from {variant.endpoint}") if part)
    runs = itertools.count()

    def measure() -> Measured:
        run = next(runs)
        number = run % len(texts)
        request = replace(variant.request, text=texts[number])
        heard, failures = _all(variant.runners, request, lambda: observe(variant, run))
        values = dict(readings(heard))
        if variant.method == WHOLE_FILE:
            for metric in _NOT_OF_WHOLE_FILES:
                values.pop(metric, None)
        return Measured(values, [replace(one, text=number) for one in heard], failures)

    return Case(labels, measure, title)


def _all(
    runners: Sequence[Runner],
    request: SpeechRequest,
    observers: Callable[[], Listening],
) -> tuple[list[SpeechRun], list[VoiceError]]:
    """Let all hear the same at once; what was heard, and what went wrong."""

    def one(runner: Runner) -> SpeechRun | VoiceError:
        try:
            with observers() as listening:
                return runner.run(request, listening)
        except VoiceError as fault:
            return fault

    if len(runners) == 1:
        results = [one(runners[0])]
    else:
        with ThreadPoolExecutor(len(runners)) as pool:
            try:
                results = list(pool.map(one, runners))
            except BaseException:  # an interrupt: they would be waited for
                for runner in runners:
                    runner.cancel()
                raise
    heard = [result for result in results if isinstance(result, SpeechRun)]
    return heard, [result for result in results if isinstance(result, VoiceError)]


def reference(runner: Runner, request: SpeechRequest, texts: Sequence[str]) -> list[SpeechRun]:
    """Answers in `REFERENCE_FORMAT`, to know how long the speech is; those that were to be had."""
    heard = []
    for number, text in enumerate(texts):
        asked = replace(request, text=text, response_format=REFERENCE_FORMAT)
        with contextlib.suppress(VoiceError):  # many servers do not know it
            heard.append(replace(runner.run(asked, ()), text=number))
    return heard


def conclude(
    outcomes: Sequence[Outcome], references: Mapping[int, Sequence[SpeechRun]]
) -> list[str]:
    """Add what only all runs together tell, and say what it means, a sentence a line.

    ``references`` are answers in `REFERENCE_FORMAT` by the number of the server;
    those measured serve as well.
    """
    told = []
    for outcome in outcomes:
        server = outcome.case.labels["server"]
        lengths = audio_by_text(_references(outcomes, server, references))
        runs: list[SpeechRun] = outcome.details
        missing = [ms for run in runs if (ms := missing_ms(run, lengths)) is not None]
        outcome.readings["missing_ms"] = missing
        if (buffer_ms := recommended_buffer_ms(runs)) is not None:
            outcome.readings["recommended_buffer_ms"] = [buffer_ms]
        told += [f"{outcome.case.name}: {sentence}" for sentence in findings(runs, lengths)]
    return told


def _references(
    outcomes: Sequence[Outcome], server: int | str, references: Mapping[int, Sequence[SpeechRun]]
) -> Iterator[SpeechRun]:
    for outcome in outcomes:
        labels = outcome.case.labels
        if (labels["server"], labels["format"]) == (server, REFERENCE_FORMAT):
            yield from outcome.details
    yield from references.get(int(server), ())


def columns(outcomes: Sequence[Outcome], wanted: Sequence[Column] = COLUMNS) -> list[Column]:
    """Those worth their place: labels that differ, numbers that there are, in 80 characters."""
    labels = [column for column in LABELS if column.metric == "format" or _differ(outcomes, column)]
    numbers = [
        column
        for column in wanted
        if any(
            (summary := outcome.summary(column.metric)) is not None
            and getattr(summary, column.statistic or "n") is not None
            for outcome in outcomes
        )
    ]
    for unneeded in _LEAST_NEEDED:
        width = max(map(len, table(outcomes, [*labels, *numbers]).splitlines()))
        if width <= TERMINAL:
            break
        numbers = [
            column for column in numbers if f"{column.metric} {column.statistic}" != unneeded
        ]
    return [*labels, *numbers]


def _differ(outcomes: Sequence[Outcome], column: Column) -> bool:
    return len({outcome.case.labels[column.metric] for outcome in outcomes}) > 1
