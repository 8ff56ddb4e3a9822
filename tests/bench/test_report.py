from __future__ import annotations

import json

import pytest

from tests.bench.results import outcome
from voicecli import __version__
from voicecli.bench.components import decode, encode, source
from voicecli.bench.report import Column, as_csv, as_json, failures, number, table
from voicecli.errors import DeviceError, NetworkError

COLUMNS = (
    Column("", "codec", "codec"),
    Column("push µs", "mean", "push_us", "mean"),
    Column("push µs", "max", "push_us", "max"),
    Column("a long title", "p50", "first_ms", "p50"),
)


def test_a_table_has_groups_and_aligned_columns():
    rows = [
        outcome({"codec": "opus"}, push_us=[1.0, 2.0], first_ms=[12.34]),
        outcome({"codec": "wav"}, push_us=[1234.5]),
    ]
    assert table(rows, COLUMNS).splitlines() == [
        "         push µs  a long title",
        "codec  mean  max           p50",
        "opus   1.50    2          12.3",
        "wav    1234 1234             –",
    ]


def widest_table(module, labels):
    """The table of a benchmark with the widest possible numbers."""
    metrics = {c.metric: [12345.6] for c in module.COLUMNS if c.statistic is not None}
    return table([outcome(labels, **metrics)], module.COLUMNS)


@pytest.mark.parametrize(
    ("module", "labels"),
    [
        (encode, {"codec": "flac", "frame_ms": 500, "mode": "threaded"}),
        (decode, {"codec": "flac", "chunk_bytes": 65536}),
        (source, {"queue_ms": 1000, "frame_ms": 20, "producer": "real-time"}),
    ],
)
def test_every_table_fits_a_terminal(module, labels):
    lines = (widest_table(module, labels) + "\n" + module.LEGEND).splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7.0, "7"), (0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (-0.5, "-0.50")],
)
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


def test_failures_are_listed_once_with_their_count():
    result = outcome(
        {"codec": "opus", "ms": 20},
        push_us=[1.0],
        failures=[DeviceError("gone"), DeviceError("gone"), NetworkError("cut")],
    )
    assert failures([outcome(), result]) == [
        "opus 20: 2 of 4 runs failed: gone",
        "opus 20: 1 of 4 runs failed: cut",
    ]


def test_json_has_settings_machine_and_cases():
    data = as_json("encode", {"pace": 10.0}, [outcome(push_us=[1.0])], interrupted=False)
    json.dumps(data, allow_nan=False)
    assert data["schema"] == "voicecli.bench/1"
    assert (data["kind"], data["ok"], data["interrupted"]) == ("encode", True, False)
    assert data["settings"] == {"pace": 10.0}
    assert data["machine"]["voicecli"] == __version__
    assert data["cases"][0]["metrics"]["push_us"]["n"] == 1


def test_csv_has_a_line_for_each_metric_that_was_measured():
    result = outcome({"codec": "opus"}, push_us=[1.0] * 6, failures=[DeviceError("gone")])
    result.readings["missing_ms"] = []
    assert as_csv([result]).splitlines() == [
        "codec,failures,metric,n,mean,p50,p95,max,p99,ci95_low,ci95_high",
        "opus,1,push_us,6,1.0,1.0,1.0,1.0,,1.0,1.0",
    ]
    assert as_csv([]).startswith("failures,metric,n,")


@pytest.mark.parametrize(("failed", "interrupted"), [(True, False), (False, True)])
def test_failures_and_interrupts_are_not_ok(failed, interrupted):
    result = outcome(failures=[DeviceError("gone")] if failed else [])
    assert as_json("encode", {}, [result], interrupted=interrupted)["ok"] is False
