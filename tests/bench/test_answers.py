from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field

import pytest

from tests.bench.spoken import answer, case
from voicecli.bench import answers
from voicecli.bench.answers import ObserverFactory, Variant, cases, columns, conclude, reference
from voicecli.bench.case import Outcome
from voicecli.bench.report import table
from voicecli.bench.rounds import run_rounds
from voicecli.errors import NetworkError
from voicecli.request import SpeechRequest

PATIENCE_S = 20.0


@dataclass
class Scripted:
    """Hears what it was told to, and notes what it was asked."""

    said: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, request, observers):
        self.asked.append((request.text, request.response_format, tuple(observers)))
        said = self.said.pop(0) if self.said else answer()
        if isinstance(said, BaseException):
            raise said
        return said

    def cancel(self):
        self.cancelled.set()


def way(*runners, format="opus", method=answers.STREAMED):
    request = SpeechRequest("", voice="v", model="m", response_format=format)
    return Variant(1, "http://server.test/v1", method, request, runners)


def run(outcomes, runs=1, warmups=0):
    run_rounds(outcomes, runs=runs, warmups=warmups, on_progress=lambda *_: None)


def outcome_of(way, texts=("Hello.",), observe=None):
    (made,) = cases([way], texts, observe or ObserverFactory())
    return Outcome(made)


def test_every_run_speaks_the_next_text():
    runner = Scripted()
    outcome = outcome_of(way(runner), ["one", "two"])
    run([outcome], runs=2, warmups=1)
    assert [text for text, _, _ in runner.asked] == ["one", "two", "one"]
    assert [one.text for one in outcome.details] == [1, 0]
    assert outcome.runs == 2
    assert outcome.case.name == "opus from http://server.test/v1"
    assert outcome.case.labels["method"] == "streamed"


def test_a_failure_beside_others_is_counted_and_they_are_too():
    runners = [Scripted(), Scripted([NetworkError("cut")]), Scripted()]
    outcome = outcome_of(way(*runners))
    run([outcome])
    assert outcome.runs == 2
    assert [fault.message for fault in outcome.failures] == ["cut"]
    assert len(outcome.readings["ttfa_ms"]) == 2


def test_warm_ups_that_fail_are_counted_apart():
    outcome = outcome_of(way(Scripted([NetworkError("cold")])))
    run([outcome], warmups=1)
    assert (outcome.warmups_failed, outcome.failures, outcome.runs) == (1, [], 1)


def test_several_hear_at_once():
    together = threading.Barrier(3)

    @dataclass
    class Waiting(Scripted):
        def run(self, request, observers):
            together.wait(PATIENCE_S)
            return super().run(request, observers)

    outcome = outcome_of(way(Waiting(), Waiting(), Waiting()))
    run([outcome])
    assert outcome.runs == 3


def test_an_interrupt_stops_all_of_them():
    interrupted = Scripted([KeyboardInterrupt()])

    @dataclass
    class Long(Scripted):
        def run(self, request, observers):
            assert self.cancelled.wait(PATIENCE_S)
            raise NetworkError("cancelled")

    long = Long()
    outcome = outcome_of(way(interrupted, long))
    with pytest.raises(KeyboardInterrupt):
        run([outcome])
    assert long.cancelled.is_set()


def test_what_a_whole_file_came_to_says_nothing_of_its_bytes():
    outcome = outcome_of(way(Scripted(), method=answers.WHOLE_FILE))
    run([outcome])
    assert "ttfa_ms" in outcome.readings
    assert not {"bytes", "kbit_s", "chunks", "decode_ms"} & set(outcome.readings)
    assert outcome.case.name == "opus whole from http://server.test/v1"


def test_observers_are_made_for_runs_that_count():
    made = []

    @contextlib.contextmanager
    def listening(variant, number):
        made.append((variant.name, number))
        yield [f"listener {number}"]
        made.append("closed")

    runner = Scripted()
    observe = ObserverFactory(listening, warmups=1)
    run([outcome_of(way(runner), observe=observe)], runs=2, warmups=1)
    assert made == [("opus", 1), "closed", ("opus", 2), "closed"]
    heard_by = [observers for _, _, observers in runner.asked]
    assert heard_by == [(), ("listener 1",), ("listener 2",)]


def test_names_for_files_say_what_differs_from_the_usual():
    assert way(format="pcm").name == "pcm"
    assert way(method=answers.COLD)._replace(server=2).name == "opus-cold-server2"


def test_the_reference_is_asked_for_as_pcm_and_failures_are_none():
    runner = Scripted([answer(), NetworkError("no pcm here"), answer()])
    runs = reference(runner, way().request, ["one", "two", "three"])
    assert [(text, kind) for text, kind, _ in runner.asked] == [
        ("one", "pcm"),
        ("two", "pcm"),
        ("three", "pcm"),
    ]
    assert [one.text for one in runs] == [0, 2]


def test_what_is_missing_is_held_against_pcm_of_the_same_server():
    cut, whole = answer([(100.0, 0.5)]), answer([(100.0, 1.0)])
    outcomes = [
        case("pcm", whole),
        case("opus", cut),
        case("opus", cut, server=2, endpoint="http://other.test/v1"),
    ]
    told = conclude(outcomes, {})
    assert told == ["opus from http://server.test/v1: cuts the end: 500 ms less than as pcm"]
    assert [o.readings.get("missing_ms") for o in outcomes] == [[0.0], [500.0], []]
    told = conclude(outcomes, {2: [whole]})
    assert len(told) == 2
    assert outcomes[0].readings["recommended_buffer_ms"] == [60.0]
    assert "recommended_buffer_ms" not in conclude_nothing().readings


def conclude_nothing():
    nothing = case("opus")
    conclude([nothing], {})
    return nothing


def test_a_label_is_shown_where_it_differs():
    one = [case("pcm", answer()), case("opus", answer())]
    assert [c.title for c in columns(one)][:2] == ["format", "n"]
    other = case("opus", answer(), server=2, endpoint="http://other.test/v1")
    assert [c.title for c in columns([*one, other])][:3] == ["server", "format", "n"]
    whole = case("opus", answer(), method=answers.WHOLE_FILE)
    assert [c.title for c in columns([*one, whole])][:2] == ["format", "heard"]


def test_the_table_fits_80_columns_whatever_it_has_to_show():
    wide = {"launch_to_sound_ms": 12345.6, "ttfa_ms": 12345.6, "kbit_s": 1411.2, "gaps": 123.4}
    outcomes = []
    for server, endpoint in enumerate(("a", "b"), 1):
        for method in (answers.STREAMED, answers.WHOLE_FILE):
            outcome = case(
                "flac", *[answer()] * 10, server=server, endpoint=endpoint, method=method
            )
            for metric, value in wide.items():
                outcome.readings[metric] = [value + step for step in range(10)]
            outcomes.append(outcome)
    conclude(outcomes, {})
    lines = (table(outcomes, columns(outcomes)) + "\n" + answers.LEGEND).splitlines()
    more = table(outcomes, columns(outcomes, answers.MORE_COLUMNS))
    assert max(map(len, [*lines, *(more + "\n" + answers.MORE_LEGEND).splitlines()])) <= 80
    assert {"server", "format", "heard", "p95", "gaps", "clean", "buffer"} <= set(lines[1].split())


def test_a_column_without_a_number_is_left_out():
    few, many = case("opus", answer()), case("opus", *[answer()] * 100)
    assert "p99" not in {c.title for c in columns([few], answers.MORE_COLUMNS)}
    assert "p99" in {c.title for c in columns([few, many], answers.MORE_COLUMNS)}
