from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.arrivals import Arrivals
from voicecli.playback.base import SinkReport, Underrun
from voicecli.telemetry.ledger import (
    DECODER,
    MACHINE,
    NETWORK,
    WATERFALL,
    cause,
    underruns,
    waterfall,
)


def arrivals(*blocks):
    made = Arrivals()
    for at, duration_s in blocks:
        made.add(at, duration_s)
    return made


LATE = arrivals((10.0, 1.0), (12.0, 1.0))
HOLE = Underrun(1.0, 0.8, 11.2)


@pytest.mark.parametrize(
    ("hole", "received_at", "why"),
    [
        (HOLE, [10.0, 11.99], NETWORK),
        (HOLE, [], NETWORK),
        (HOLE, [10.0, 11.0, 13.0], DECODER),  # there for a second, and nothing came of it
        (Underrun(0.5, 0.8, 10.7), [10.0], MACHINE),  # there long before
        (Underrun(2.0, 0.8, 11.2), [10.0], MACHINE),  # beyond what came
        (Underrun(1.0, 0.8), [10.0], MACHINE),
    ],
)
def test_cause_of_a_hole(hole, received_at, why):
    assert cause(hole, LATE, received_at) == why


def test_three_ledgers_are_kept_apart():
    report = SinkReport(
        first_sound_at=10.1, underruns=(HOLE,), device_underflows=1, underflows_at_s=(0.25,)
    )
    told = underruns(report, LATE, [10.0, 11.99])
    assert told == {
        "network": {
            "count": 1,
            "total_ms": 900.0,
            "worst_ms": 900.0,
            "events": [{"at_s": 1.0, "ms": 900.0, "cause": "network"}],
        },
        "sink": {
            "count": 1,
            "total_ms": 800.0,
            "events": [{"at_s": 1.0, "ms": 800.0, "cause": "network"}],
        },
        "device": {"count": 1, "events": [{"at_s": 0.25, "ms": None, "cause": "machine"}]},
    }


TIMES = {
    "connected_ms": 1.0,
    "request_sent_ms": 1.5,
    "ttfb_ms": 2.0,
    "first_frame_ms": 2.25,
}
REPORT = SinkReport(first_sound_at=3.0, arrived_at=2.375, released_at=2.75)


def test_parts_follow_one_another():
    assert waterfall(0.5, TIMES, REPORT, 40.0) == {
        "connect": 500.0,
        "request": 500.0,
        "first_byte": 500.0,
        "first_frame": 250.0,
        "prebuffer": 375.0,
        "device": 375.0,  # opening it, and on the way to the ear
        "silence": 40.0,
    }


def test_what_did_not_happen_takes_no_time():
    parts = waterfall(0.5, {"ttfb_ms": 2.0}, SinkReport(first_sound_at=3.0), 0.0)
    assert parts == dict.fromkeys(WATERFALL, 0.0) | {"first_byte": 1500.0, "device": 1000.0}


@pytest.mark.parametrize(
    ("t0", "report", "silence_ms"),
    [(None, REPORT, 0.0), (0.5, None, 0.0), (0.5, SinkReport(), 0.0), (0.5, REPORT, None)],
)
def test_without_an_audible_sound_there_is_nothing_to_divide(t0, report, silence_ms):
    assert waterfall(t0, TIMES, report, silence_ms) is None


moments = st.floats(100.0, 110.0)


@given(
    st.dictionaries(st.sampled_from(list(TIMES)), moments),
    st.builds(
        SinkReport,
        first_sound_at=moments,
        arrived_at=moments | st.none(),
        released_at=moments | st.none(),
    ),
    st.integers(0, 100).map(lambda n: n * 10.0),
)
def test_parts_add_up_whatever_happened_when(times, report, silence_ms):
    parts = waterfall(100.0, times, report, silence_ms)
    assert all(part >= 0 for part in parts.values())
    audible_ms = (report.first_sound_at - 100.0) * 1e3 + silence_ms
    assert sum(parts.values()) == pytest.approx(audible_ms, abs=0.1)
