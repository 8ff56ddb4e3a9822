from __future__ import annotations

import pytest

from voicecli.bench.case import Case, Outcome
from voicecli.bench.rounds import run_rounds
from voicecli.errors import DeviceError


class Log:
    """Cases that record when they ran, and fail in given runs."""

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
def log():
    return Log()


def test_cases_take_turns_and_warm_ups_do_not_count(log):
    outcomes = [log.case("a"), log.case("b")]
    run_rounds(outcomes, runs=2, warmups=1, on_progress=log.on_progress)
    assert log.ran == ["a", "b"] * 3
    assert [outcome.readings["order"] for outcome in outcomes] == [[3, 5], [4, 6]]
    assert log.progress == [(n, 6, "ab"[n % 2]) for n in range(6)]


def test_a_failed_run_is_recorded_and_the_others_go_on(log):
    outcomes = [log.case("a", fails=(1, 2)), log.case("b")]
    run_rounds(outcomes, runs=2, warmups=1, on_progress=log.on_progress)
    failing, fine = outcomes
    assert failing.runs == 1
    assert [error.message for error in failing.failures] == ["gone"]
    assert fine.runs == 2
    assert fine.failures == []


def test_an_internal_error_is_raised(log):
    outcomes = [log.case("a", fails=(1,), error=ZeroDivisionError)]
    with pytest.raises(ZeroDivisionError):
        run_rounds(outcomes, runs=1, warmups=0, on_progress=log.on_progress)


def test_results_from_before_an_interrupt_are_kept(log):
    outcomes = [log.case("a"), log.case("b", fails=(2,), error=KeyboardInterrupt)]
    with pytest.raises(KeyboardInterrupt):
        run_rounds(outcomes, runs=5, warmups=0, on_progress=log.on_progress)
    assert [outcome.runs for outcome in outcomes] == [2, 1]
