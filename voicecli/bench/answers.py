"""The main benchmark: how servers answer, by server, format and method."""

from __future__ import annotations

import contextlib
import itertools
import textwrap
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
    from voicecli.telemetry.observers import Observer

    ObserverContext = contextlib.AbstractContextManager[Sequence[Observer]]

STREAMED, WHOLE_FILE, COLD, REPLAYED = "streamed", "whole", "cold", "replayed"
"""Methods: as it arrives, as a whole file, in a new process, from a trace."""

REFERENCE_FORMAT = "pcm"
"""Has no padding, so it shows how long the speech really is."""

_MEANINGLESS_FOR_WHOLE_FILES = ("bytes", "chunks", "kbit_s", "decode_ms")
"""They would describe the decoded clip rather than what the server sent."""

LABELS = (
    Column("", "server", "server"),
    Column("", "format", "format"),
    Column("", "method", "method"),
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
    "gaps by network: implied by the arrivals; by device: it stood still;\n"
    "silence: before the speech; missing: how much shorter it is than pcm"
)
_MEANINGS = {
    "launch_to_sound_ms p50": "launch: from the start of the command to the first sample heard",
    "ttfb_ms p50": "TTFB: from the request to the first byte of the answer",
    "ttfa_ms p50": "TTFA: to the first sample heard",
    "ttfa_ms interval": "95 %: interval of its median",
    "ttfa_audible_ms p50": "audible: to the first sound above −40 dBFS",
    "rtf p50": "RTF: seconds it takes to generate a second of speech",
    "gaps mean": "gaps: per run",
    "continuity_pct mean": "clean: % of runs without gaps",
    "recommended_buffer_ms max": "buffer: the smallest --buffer-ms without gaps",
}
"""What the titles of `COLUMNS` mean, by metric and statistic."""

_DROPPED_FIRST = (
    "ttfb_ms p95",
    "kbit_s p50",
    "ttfb_ms n",
    "rtf p50",
    "ttfa_ms interval",
    "ttfa_audible_ms p50",
)
"""Columns to drop, in this order, if the table is too wide for a terminal."""


class Variant(NamedTuple):
    """One server, format and method: what a case measures.

    ``server`` numbers the endpoints from 1. Each runner makes one request of a run,
    all at the same time: their number is the concurrency.
    """

    server: int
    endpoint: str
    method: str
    request: SpeechRequest
    runners: Sequence[Runner]

    @property
    def name(self) -> str:
        """A name for files: format, then method and server unless they are the defaults."""
        parts = [self.request.response_format, self.method, f"server{self.server}"]
        return "-".join(part for part in parts if part not in (STREAMED, "server1"))


@dataclass(slots=True)
class ObserverFactory:
    """Makes the extra observers of each answer, except during warm-ups.

    ``make`` gets the variant and a number that counts from 1 for each variant. May
    be called from several threads at once.
    """

    make: Callable[[Variant, int], ObserverContext] | None = None
    warmups: int = 0
    _numbers: dict[str, Iterator[int]] = field(default_factory=dict)

    def __call__(self, variant: Variant, run: int) -> ObserverContext:
        """Return the observers of one answer; ``run`` counts from 0 and includes warm-ups."""
        if self.make is None or run < self.warmups:
            return contextlib.nullcontext(())
        return self.make(variant, next(self._numbers.setdefault(variant.name, itertools.count(1))))


def cases(
    variants: Iterable[Variant], texts: Sequence[str], observe: ObserverFactory
) -> list[Case]:
    """Make a case of each variant; its runs speak the texts in turn."""
    return [_case(variant, texts, observe) for variant in variants]


def _case(variant: Variant, texts: Sequence[str], observe: ObserverFactory) -> Case:
    codec, method = variant.request.response_format, variant.method
    labels: dict[str, str | int] = {
        "server": variant.server,
        "endpoint": variant.endpoint,
        "format": codec,
        "method": method,
    }
    title = f"{codec}{'' if method == STREAMED else f' {method}'} from {variant.endpoint}"
    runs = itertools.count()

    def measure() -> Measured:
        run = next(runs)
        number = run % len(texts)
        request = replace(variant.request, text=texts[number])
        answers, failures = _run_all(variant.runners, request, lambda: observe(variant, run))
        values = dict(readings(answers))
        if method == WHOLE_FILE:
            for metric in _MEANINGLESS_FOR_WHOLE_FILES:
                values.pop(metric, None)
        return Measured(values, [replace(answer, text=number) for answer in answers], failures)

    return Case(labels, measure, title)


def _run_all(
    runners: Sequence[Runner],
    request: SpeechRequest,
    make_observers: Callable[[], ObserverContext],
) -> tuple[list[SpeechRun], list[VoiceError]]:
    """Make the same request on all runners at once; return the answers and the failures."""

    def run(runner: Runner) -> SpeechRun | VoiceError:
        try:
            with make_observers() as observers:
                return runner.run(request, observers)
        except VoiceError as error:
            return error

    if len(runners) == 1:
        results = [run(runners[0])]
    else:
        with ThreadPoolExecutor(len(runners)) as pool:
            try:
                results = list(pool.map(run, runners))
            except BaseException:  # on an interrupt the pool would wait for all requests
                for runner in runners:
                    runner.cancel()
                raise
    return (
        [result for result in results if isinstance(result, SpeechRun)],
        [result for result in results if isinstance(result, VoiceError)],
    )


def reference(runner: Runner, request: SpeechRequest, texts: Sequence[str]) -> list[SpeechRun]:
    """Request each text in `REFERENCE_FORMAT`, to learn how long the speech is.

    Requests that fail are left out: many servers do not offer the format.
    """
    answers = []
    for number, text in enumerate(texts):
        wanted = replace(request, text=text, response_format=REFERENCE_FORMAT)
        with contextlib.suppress(VoiceError):
            answers.append(replace(runner.run(wanted, ()), text=number))
    return answers


def conclude(
    outcomes: Sequence[Outcome], references: Mapping[int, Sequence[SpeechRun]]
) -> list[str]:
    """Add the metrics that need all runs, and return the findings, one sentence each.

    ``references`` are answers in `REFERENCE_FORMAT` by server number; measured
    answers in that format are used as well.
    """
    sentences = []
    for outcome in outcomes:
        server = outcome.case.labels["server"]
        lengths = audio_by_text(_references(outcomes, server, references))
        runs: list[SpeechRun] = outcome.details
        missing = [ms for run in runs if (ms := missing_ms(run, lengths)) is not None]
        outcome.readings["missing_ms"] = missing
        if (buffer_ms := recommended_buffer_ms(runs)) is not None:
            outcome.readings["recommended_buffer_ms"] = [buffer_ms]
        is_streamed = outcome.case.labels["method"] != WHOLE_FILE
        found = findings(runs, lengths, is_streamed=is_streamed)
        sentences += [f"{outcome.case.name}: {sentence}" for sentence in found]
    return sentences


def _references(
    outcomes: Sequence[Outcome], server: int | str, references: Mapping[int, Sequence[SpeechRun]]
) -> Iterator[SpeechRun]:
    for outcome in outcomes:
        labels = outcome.case.labels
        if (labels["server"], labels["format"]) == (server, REFERENCE_FORMAT):
            yield from outcome.details
    yield from references.get(int(server), ())


def columns(outcomes: Sequence[Outcome], wanted: Sequence[Column] = COLUMNS) -> list[Column]:
    """Choose the labels that differ and the numbers that exist, within 80 characters."""
    labels = [
        column
        for column in LABELS
        if column.metric == "format" or len({o.case.labels[column.metric] for o in outcomes}) > 1
    ]
    numbers = [column for column in wanted if any(column.value(o) is not None for o in outcomes)]
    for dropped in _DROPPED_FIRST:
        width = max(map(len, table(outcomes, [*labels, *numbers]).splitlines()))
        if width <= TERMINAL:
            break
        numbers = [column for column in numbers if _key(column) != dropped]
    return [*labels, *numbers]


def legend(shown: Iterable[Column]) -> str:
    """Explain the columns that are shown, in lines of at most `TERMINAL` characters."""
    keys = set(map(_key, shown))
    meanings = "; ".join(text for key, text in _MEANINGS.items() if key in keys)
    return textwrap.fill(meanings, TERMINAL, break_on_hyphens=False)


def _key(column: Column) -> str:
    return f"{column.metric} {column.statistic}"
