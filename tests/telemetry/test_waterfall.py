from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.base import SinkReport
from voicecli.telemetry.waterfall import PARTS, waterfall

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
        "device": 375.0,  # opening it, and its latency
        "silence": 40.0,
    }


def test_events_that_did_not_happen_take_no_time():
    parts = waterfall(0.5, {"ttfb_ms": 2.0}, SinkReport(first_sound_at=3.0), 0.0)
    assert parts == dict.fromkeys(PARTS, 0.0) | {"first_byte": 1500.0, "device": 1000.0}


@pytest.mark.parametrize(
    ("t0", "report", "silence_ms"),
    [(None, REPORT, 0.0), (0.5, SinkReport(), 0.0), (0.5, REPORT, None)],
)
def test_without_audible_sound_there_is_no_waterfall(t0, report, silence_ms):
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
def test_parts_add_up_in_any_order_of_events(times, report, silence_ms):
    parts = waterfall(100.0, times, report, silence_ms)
    assert all(part >= 0 for part in parts.values())
    audible_ms = (report.first_sound_at - 100.0) * 1e3 + silence_ms
    assert sum(parts.values()) == pytest.approx(audible_ms, abs=0.1)
