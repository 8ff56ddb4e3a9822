from __future__ import annotations

import json

import pytest

from tests.bench.spoken import answer, case
from voicecli.bench import report
from voicecli.bench.comparison import KIND, Difference, check, compare, unlike
from voicecli.bench.statistics import Interval
from voicecli.errors import ConfigError

TTFA_MS = (200.0, 203.0, 199.0, 207.0, 201.0)


def measured(*times_ms, **labels):
    return case("opus", *(answer(ttfa_ms=ms) for ms in times_ms), **labels)


def earlier(*outcomes, **settings):
    """What `bench --json` would have written, read again."""
    told = report.as_json(KIND, settings, outcomes, interrupted=False, values=True)
    return check(json.loads(json.dumps(told)), "old.json")


def verdicts(differences):
    return {one.metric: one.verdict for one in differences}


def test_what_became_slower_is_worse_and_what_stayed_is_not():
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


def test_faster_is_better_and_a_wobble_is_neither():
    before = earlier(measured(*TTFA_MS))
    assert (
        verdicts(compare(before, [measured(*(ms - 40 for ms in TTFA_MS))]))["ttfa_ms"] == "better"
    )
    assert verdicts(compare(before, [measured(*(ms + 8 for ms in TTFA_MS))]))["ttfa_ms"] == "same"
    wild = compare(before, [measured(150.0, 400.0, 199.0, 500.0, 201.0, 450.0)])
    assert verdicts(wild)["ttfa_ms"] == "unsure"


def test_of_few_runs_nothing_is_certain():
    (ttfa,) = (
        one
        for one in compare(earlier(measured(200.0)), [measured(900.0)])
        if one.metric == "ttfa_ms"
    )
    assert ttfa.verdict == "unsure"
    assert ttfa.to_json()["ci95"] is None
    assert str(ttfa).endswith("(+700; too few runs to tell): unsure")


def test_only_the_same_case_is_compared():
    before = earlier(measured(*TTFA_MS), measured(1.0, 2.0, 3.0, 4.0, method="cold"))
    assert compare(before, [measured(*TTFA_MS, endpoint="http://other.test/v1")]) == []
    # The number of a server is its place on the command line, and says nothing.
    assert compare(before, [measured(*TTFA_MS, server=2)])


def test_a_rise_from_nothing_counts_by_its_size():
    def verdict(estimate):
        interval = Interval(estimate / 2, estimate * 2)
        return Difference("x", "gaps", 0.0, estimate, estimate, interval, 0.5).verdict

    assert verdict(0.4) == "same"
    assert verdict(1.0) == "worse"


@pytest.mark.parametrize(
    "told",
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
def test_other_json_is_refused(told):
    with pytest.raises(ConfigError, match=r"old\.json"):
        check(told, "old.json")


def test_settings_that_differ_are_named():
    before = earlier(measured(200.0), device="null", texts="abc", runs=5)
    assert unlike(before, {"device": "null", "texts": "abc", "runs": 10}) == []
    assert unlike(before, {"device": None, "texts": "abd"}) == ["texts", "device"]
    assert unlike({"settings": 7}, {}) == []
