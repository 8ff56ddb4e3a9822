from __future__ import annotations

from tests.bench.made import outcome
from voicecli.errors import DeviceError


def test_readings_of_all_runs_are_summed_up_together():
    made = outcome(push_us=[1.0, 3.0], pages=[7])
    made.add({"push_us": [5.0], "pages": [9], "first_page_ms": []})
    assert made.runs == 2
    assert made.summary("push_us").n == 3
    assert made.summary("push_us").p50 == 3.0
    assert made.summary("pages").mean == 8
    assert made.summary("first_page_ms") is None
    assert made.summary("no_such") is None


def test_json():
    made = outcome({"codec": "opus", "ms": 20}, failures=[DeviceError("gone")], push_us=[1.0])
    made.add({"first_page_ms": []})
    told = made.to_json()
    assert told["metrics"].pop("push_us")["max"] == 1.0
    assert told == {
        "codec": "opus",
        "ms": 20,
        "runs": 2,
        "failures": [{"code": "device", "message": "gone"}],
        "metrics": {},
    }
