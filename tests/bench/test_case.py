from __future__ import annotations

from tests.bench.results import outcome
from voicecli.errors import DeviceError


def test_readings_of_all_runs_are_summarised_together():
    result = outcome(push_us=[1.0, 3.0], pages=[7])
    result.add({"push_us": [5.0], "pages": [9], "first_page_ms": []})
    assert result.runs == 2
    assert result.summary("push_us").n == 3
    assert result.summary("push_us").p50 == 3.0
    assert result.summary("pages").mean == 8
    assert result.summary("first_page_ms") is None
    assert result.summary("no_such") is None


def test_json_has_labels_failures_and_summaries():
    result = outcome({"codec": "opus", "ms": 20}, failures=[DeviceError("gone")], push_us=[1.0])
    result.add({"first_page_ms": []})
    data = result.to_json()
    assert data["metrics"].pop("push_us")["max"] == 1.0
    assert data == {
        "codec": "opus",
        "ms": 20,
        "runs": 2,
        "failures": [{"code": "device", "message": "gone"}],
        "metrics": {},
    }
