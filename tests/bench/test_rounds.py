from __future__ import annotations

import pytest

from voicecli.bench.case import Case, Outcome
from voicecli.bench.rounds import run_rounds
from voicecli.errors import DeviceError


class LineFile:
    """Cases that note when they ran, and fail in the runs that they are told to."""

    def __init__(self):
        self.ran = []
        self.progress = []

    def case(self, name, *, fails=(), error=DeviceError):
        def measure():
            self.ran.append(name)
            if self.ran.count(name) in fails:
                raise error("gone")
            return {"order": [len(self.ran)]}

        return Outcome(Case({"name": name}, measure))

    def on_progress(self, done, total, outcome):
        self.progress.append((done, total, outcome.case.labels["name"]))


@pytest.fixture
def journal():
    return LineFile()


def test_cases_take_turns_and_warm_ups_do_not_count(journal):
    outcomes = [journal.case("a"), journal.case("b")]
    run_rounds(outcomes, runs=2, warmups=1, on_progress=journal.on_progress)
    assert journal.ran == ["a", "b"] * 3
    assert [outcome.readings["order"] for outcome in outcomes] == [[3, 5], [4, 6]]
    assert journal.progress == [(n, 6, "ab"[n % 2]) for n in range(6)]


def test_a_run_that_fails_is_noted_and_the_others_go_on(journal):
    outcomes = [journal.case("a", fails=(1, 2)), journal.case("b")]
    run_rounds(outcomes, runs=2, warmups=1, on_progress=journal.on_progress)
    failing, fine = outcomes
    assert failing.runs == 1
    assert [fault.message for fault in failing.failures] == ["gone"]
    assert fine.runs == 2
    assert fine.failures == []


def test_a_defect_is_not_a_result(journal):
    outcomes = [journal.case("a", fails=(1,), error=ZeroDivisionError)]
    with pytest.raises(ZeroDivisionError):
        run_rounds(outcomes, runs=1, warmups=0, on_progress=journal.on_progress)


def test_what_was_measured_before_an_interrupt_stays(journal):
    outcomes = [journal.case("a"), journal.case("b", fails=(2,), error=KeyboardInterrupt)]
    with pytest.raises(KeyboardInterrupt):
        run_rounds(outcomes, runs=5, warmups=0, on_progress=journal.on_progress)
    assert [outcome.runs for outcome in outcomes] == [2, 1]
