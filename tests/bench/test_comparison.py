from __future__ import annotations

import json

import pytest

from tests.bench.results import speech_outcome, speech_run
from voicecli.bench import report
from voicecli.bench.comparison import KIND, Difference, check, compare, differing_settings
from voicecli.bench.statistics import Interval
from voicecli.errors import ConfigError

TTFA_MS = (200.0, 203.0, 199.0, 207.0, 201.0)


def measured(*times_ms, **labels):
    return speech_outcome("opus", *(speech_run(ttfa_ms=ms) for ms in times_ms), **labels)


def earlier(*outcomes, **settings):
    """Read back what `bench --json` would have written."""
    data = report.as_json(KIND, settings, outcomes, interrupted=False, values=True)
    return check(json.loads(json.dumps(data)), "old.json")


def verdicts(differences):
    return {one.metric: one.verdict for one in differences}


def test_a_slower_metric_is_worse_and_the_others_are_the_same():
    before = earlier(measured(*TTFA_MS))
    found = compare(before, [measured(*(ms + 40 for ms in TTFA_MS))])
    assert verdicts(found) == {
        "ttfb_ms": "same",
        "ttfa_ms": "worse",
        "ttfa_audible_ms": "worse",
        "rtf": "same",
        "needed_prebuffer_ms": "same",
        "gaps": "same",
    }
    ttfa = next(one for one in found if one.metric == "ttfa_ms")
    assert ttfa.to_json() == {
        "case": "opus from http://server.test/v1",
        "metric": "ttfa_ms",
        "before": 201.0,
        "after": 241.0,
        "difference": 40.0,
        "ci95": [pytest.approx(36, abs=4), pytest.approx(44, abs=4)],
        "verdict": "worse",
    }
    assert str(ttfa).startswith("opus from http://server.test/v1: ttfa_ms 201 → 241 (+40; 95 %: +3")
    assert str(ttfa).endswith("): worse")


def test_faster_is_better_and_noise_is_neither():
    before = earlier(measured(*TTFA_MS))
    assert (
        verdicts(compare(before, [measured(*(ms - 40 for ms in TTFA_MS))]))["ttfa_ms"] == "better"
    )
    assert verdicts(compare(before, [measured(*(ms + 8 for ms in TTFA_MS))]))["ttfa_ms"] == "same"
    wild = compare(before, [measured(150.0, 400.0, 199.0, 500.0, 201.0, 450.0)])
    assert verdicts(wild)["ttfa_ms"] == "unsure"


def test_too_few_runs_are_unsure():
    (ttfa,) = (
        one
        for one in compare(earlier(measured(200.0)), [measured(900.0)])
        if one.metric == "ttfa_ms"
    )
    assert ttfa.verdict == "unsure"
    assert ttfa.to_json()["ci95"] is None
    assert str(ttfa).endswith("(+700; too few runs): unsure")


def test_only_equal_cases_are_compared():
    before = earlier(measured(*TTFA_MS), measured(1.0, 2.0, 3.0, 4.0, method="cold"))
    assert compare(before, [measured(*TTFA_MS, endpoint="http://other.test/v1")]) == []
    # The number of a server is only its place on the command line.
    assert compare(before, [measured(*TTFA_MS, server=2)])


def test_an_increase_from_zero_counts_by_its_size():
    def verdict(estimate):
        interval = Interval(estimate / 2, estimate * 2)
        return Difference("x", "gaps", 0.0, estimate, estimate, interval, 0.5).verdict

    assert verdict(0.4) == "same"
    assert verdict(1.0) == "worse"


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"schema": "voicecli.bench/1", "kind": "encode", "cases": []},
        {"schema": "voicecli.metrics/1", "kind": KIND, "cases": []},
        {"schema": "voicecli.bench/1", "kind": KIND},
        {"schema": "voicecli.bench/1", "kind": KIND, "cases": [7]},
        {"schema": "voicecli.bench/1", "kind": KIND, "cases": [{"metrics": {}}]},
        {
            "schema": "voicecli.bench/1",
            "kind": KIND,
            "cases": [{"metrics": {}, "values": {"ttfa_ms": [True]}}],
        },
        {
            "schema": "voicecli.bench/1",
            "kind": KIND,
            "cases": [{"metrics": {"ttfa_ms": {"p50": "9"}}, "values": {}}],
        },
    ],
)
def test_other_json_is_rejected(data):
    with pytest.raises(ConfigError, match=r"old\.json"):
        check(data, "old.json")


def test_differing_settings_are_named():
    before = earlier(measured(200.0), device="null", texts="abc", runs=5)
    assert differing_settings(before, {"device": "null", "texts": "abc", "runs": 10}) == []
    assert differing_settings(before, {"device": None, "texts": "abd"}) == ["texts", "device"]
    assert differing_settings({"settings": 7}, {}) == []
