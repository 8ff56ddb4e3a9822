from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field

import pytest

from tests.bench.results import speech_outcome, speech_run
from voicecli.bench import answers
from voicecli.bench.answers import ObserverFactory, Variant, cases, columns, conclude, reference
from voicecli.bench.case import Outcome
from voicecli.bench.report import table, tables
from voicecli.bench.rounds import run_rounds
from voicecli.errors import NetworkError
from voicecli.request import SpeechRequest

TIMEOUT_S = 20.0


@dataclass
class ScriptedRunner:
    """Returns or raises the given results, and records the requests."""

    results: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, request, observers):
        self.requests.append((request.text, request.response_format, tuple(observers)))
        result = self.results.pop(0) if self.results else speech_run()
        if isinstance(result, BaseException):
            raise result
        return result

    def cancel(self):
        self.cancelled.set()


def variant(*runners, format="opus", method=answers.STREAMED):
    request = SpeechRequest("", voice="v", model="m", response_format=format)
    return Variant(1, "http://server.test/v1", method, request, runners)


def run(outcomes, runs=1, warmups=0):
    run_rounds(outcomes, runs=runs, warmups=warmups, on_progress=lambda *_: None)


def outcome_of(variant, texts=("Hello.",), observe=None):
    (case,) = cases([variant], texts, observe or ObserverFactory())
    return Outcome(case)


def test_every_run_speaks_the_next_text():
    runner = ScriptedRunner()
    outcome = outcome_of(variant(runner), ["one", "two"])
    run([outcome], runs=2, warmups=1)
    assert [text for text, _, _ in runner.requests] == ["one", "two", "one"]
    assert [run.text for run in outcome.details] == [1, 0]
    assert outcome.runs == 2
    assert outcome.case.name == "opus from http://server.test/v1"
    assert outcome.case.labels["method"] == "streamed"


def test_one_of_several_requests_may_fail():
    runners = [ScriptedRunner(), ScriptedRunner([NetworkError("cut")]), ScriptedRunner()]
    outcome = outcome_of(variant(*runners))
    run([outcome])
    assert outcome.runs == 2
    assert [error.message for error in outcome.failures] == ["cut"]
    assert len(outcome.readings["ttfa_ms"]) == 2


def test_failed_warm_ups_are_counted_separately():
    outcome = outcome_of(variant(ScriptedRunner([NetworkError("cold")])))
    run([outcome], warmups=1)
    assert (outcome.warmups_failed, outcome.failures, outcome.runs) == (1, [], 1)


def test_several_requests_run_at_once():
    together = threading.Barrier(3)

    @dataclass
    class Waiting(ScriptedRunner):
        def run(self, request, observers):
            together.wait(TIMEOUT_S)
            return super().run(request, observers)

    outcome = outcome_of(variant(Waiting(), Waiting(), Waiting()))
    run([outcome])
    assert outcome.runs == 3


def test_an_interrupt_cancels_every_runner():
    interrupted = ScriptedRunner([KeyboardInterrupt()])

    @dataclass
    class Long(ScriptedRunner):
        def run(self, request, observers):
            assert self.cancelled.wait(TIMEOUT_S)
            raise NetworkError("cancelled")

    long = Long()
    outcome = outcome_of(variant(interrupted, long))
    with pytest.raises(KeyboardInterrupt):
        run([outcome])
    assert long.cancelled.is_set()


def test_whole_files_have_no_readings_of_bytes_and_decoding():
    outcome = outcome_of(variant(ScriptedRunner(), method=answers.WHOLE_FILE))
    run([outcome])
    assert "ttfa_ms" in outcome.readings
    assert not {"bytes", "kbit_s", "chunks", "decode_ms"} & set(outcome.readings)
    assert outcome.case.name == "opus whole from http://server.test/v1"


def test_observers_are_made_only_for_runs_that_count():
    made = []

    @contextlib.contextmanager
    def make(variant, number):
        made.append((variant.name, number))
        yield [f"observer {number}"]
        made.append("closed")

    runner = ScriptedRunner()
    observe = ObserverFactory(make, warmups=1)
    run([outcome_of(variant(runner), observe=observe)], runs=2, warmups=1)
    assert made == [("opus", 1), "closed", ("opus", 2), "closed"]
    observed_by = [observers for _, _, observers in runner.requests]
    assert observed_by == [(), ("observer 1",), ("observer 2",)]


def test_names_for_files_leave_out_defaults():
    assert variant(format="pcm").name == "pcm"
    assert variant(method=answers.COLD)._replace(server=2).name == "opus-cold-server2"


def test_references_are_requested_as_pcm_and_failures_are_ignored():
    runner = ScriptedRunner([speech_run(), NetworkError("no pcm here"), speech_run()])
    runs = reference(runner, variant().request, ["one", "two", "three"])
    assert [(text, kind) for text, kind, _ in runner.requests] == [
        ("one", "pcm"),
        ("two", "pcm"),
        ("three", "pcm"),
    ]
    assert [run.text for run in runs] == [0, 2]


def test_missing_audio_is_compared_with_pcm_of_the_same_server():
    cut, whole = speech_run([(100.0, 0.5)]), speech_run([(100.0, 1.0)])
    outcomes = [
        speech_outcome("pcm", whole),
        speech_outcome("opus", cut),
        speech_outcome("opus", cut, server=2, endpoint="http://other.test/v1"),
    ]
    found = conclude(outcomes, {})
    assert found == ["opus from http://server.test/v1: cuts off the end: 500 ms shorter than pcm"]
    assert [o.readings.get("missing_ms") for o in outcomes] == [[0.0], [500.0], []]
    assert len(conclude(outcomes, {2: [whole]})) == 2
    assert outcomes[0].readings["recommended_buffer_ms"] == [60.0]
    nothing = speech_outcome("opus")
    conclude([nothing], {})
    assert "recommended_buffer_ms" not in nothing.readings


def test_a_label_is_shown_only_if_it_differs():
    one = [speech_outcome("pcm", speech_run()), speech_outcome("opus", speech_run())]
    assert [c.title for c in columns(one)][:2] == ["format", "n"]
    other = speech_outcome("opus", speech_run(), server=2, endpoint="http://other.test/v1")
    assert [c.title for c in columns([*one, other])][:3] == ["server", "format", "n"]
    whole = speech_outcome("opus", speech_run(), method=answers.WHOLE_FILE)
    assert [c.title for c in columns([*one, whole])][:2] == ["format", "method"]


def test_the_widest_table_fits_80_columns():
    wide = {"launch_to_sound_ms": 12345.6, "ttfa_ms": 12345.6, "kbit_s": 1411.2, "gaps": 123.4}
    outcomes = []
    for server, endpoint in enumerate(("a", "b"), 1):
        for method in (answers.STREAMED, answers.WHOLE_FILE):
            outcome = speech_outcome(
                "flac", *[speech_run()] * 10, server=server, endpoint=endpoint, method=method
            )
            for metric, value in wide.items():
                outcome.readings[metric] = [value + step for step in range(10)]
            outcomes.append(outcome)
    conclude(outcomes, {})
    shown = columns(outcomes)
    lines = (table(outcomes, shown) + "\n" + answers.legend(shown)).splitlines()
    more = table(outcomes, columns(outcomes, answers.MORE_COLUMNS))
    assert max(map(len, [*lines, *(more + "\n" + answers.MORE_LEGEND).splitlines()])) <= 80
    assert {"server", "format", "method", "p95", "gaps", "clean", "buffer"} <= set(lines[1].split())


def test_the_legend_explains_the_columns_that_are_shown():
    few = columns([speech_outcome("opus", *[speech_run()] * 3)])
    assert "95 %" not in answers.legend(few)
    many = columns([speech_outcome("opus", *[speech_run()] * 10)])
    assert "95 %: interval of its median" in answers.legend(many)
    assert answers.legend(few).splitlines()[0].startswith("TTFB: from the request")


def test_a_narrow_terminal_gets_two_tables_with_the_same_labels():
    one = speech_outcome("opus", *[speech_run()] * 3)
    chosen = columns([one])
    assert tables([one], chosen, 80) == [table([one], chosen)]
    several = tables([one], chosen, 40)
    assert len(several) > 1
    assert max(len(line) for each in several for line in each.splitlines()) <= 40
    assert all(each.splitlines()[1].startswith("format") for each in several)
    shown = " ".join(line for each in several for line in each.splitlines()[1:2]).split()
    titles = " ".join(column.title for column in chosen[1:]).split()
    assert [title for title in shown if title != "format"] == titles


def test_a_column_without_a_number_is_left_out():
    few, many = speech_outcome("opus", speech_run()), speech_outcome("opus", *[speech_run()] * 100)
    assert "p99" not in {c.title for c in columns([few], answers.MORE_COLUMNS)}
    assert "p99" in {c.title for c in columns([few, many], answers.MORE_COLUMNS)}
