from __future__ import annotations

import pytest

from voicecli.playback.arrivals import Arrivals
from voicecli.playback.base import SinkReport, Underrun
from voicecli.telemetry.underruns import (
    DECODER,
    DEVICE,
    MACHINE,
    NETWORK,
    cause,
    pauses,
    underruns,
)


def arrivals(*blocks):
    made = Arrivals()
    for at, duration_s in blocks:
        made.add(at, duration_s)
    return made


LATE = arrivals((10.0, 1.0), (12.0, 1.0))
GAP = Underrun(1.0, 0.8, 11.2)


@pytest.mark.parametrize(
    ("gap", "received_at", "why"),
    [
        (GAP, [10.0, 11.99], NETWORK),
        (GAP, [], NETWORK),
        (GAP, [10.0, 11.0, 13.0], DECODER),  # received a second ago, not decoded
        (Underrun(0.5, 0.8, 10.7), [10.0], MACHINE),  # there in time
        (Underrun(2.0, 0.8, 11.2), [10.0], MACHINE),  # never arrived
        (Underrun(1.0, 0.8), [10.0], MACHINE),
    ],
)
def test_the_cause_of_a_gap(gap, received_at, why):
    assert cause(gap, LATE, received_at) == why


def test_the_three_counts_are_kept_apart():
    late = Underrun(0.25, 0.1, 10.35, is_device=True)
    report = SinkReport(first_sound_at=10.1, underruns=(late, GAP))
    counts = underruns(report, LATE, [10.0, 11.99])
    of_device = {"at_s": 0.25, "ms": 100.0, "cause": "device"}
    assert counts == {
        "network": {
            "count": 1,
            "total_ms": 900.0,
            "worst_ms": 900.0,
            "events": [{"at_s": 1.0, "ms": 900.0, "cause": "network"}],
        },
        "sink": {
            "count": 2,
            "total_ms": 900.0,
            "events": [of_device, {"at_s": 1.0, "ms": 800.0, "cause": "network"}],
        },
        "device": {"count": 1, "events": [of_device]},
    }


@pytest.mark.parametrize(
    ("stops", "why"),
    [
        ((), DEVICE),
        ([(5.0, 9.0)], DEVICE),
        ([(11.0, 12.1)], MACHINE),
        ([(11.45, 12.1)], MACHINE),
        ([(11.55, 12.1)], DEVICE),  # it ran for the first 100 ms
        ([(11.9, 12.1)], DEVICE),
    ],
)
def test_a_gap_of_a_process_that_was_stopped_is_the_machines(stops, why):
    gap = Underrun(1.0, 0.8, 11.2, is_device=True)
    assert cause(gap, LATE, [], stops) == why


def test_nothing_is_late_in_a_pause():
    pause = Underrun(0.5, 0.9, 10.6)
    report = SinkReport(first_sound_at=10.1, pauses=(pause,))
    assert underruns(report, LATE, [10.0, 11.99])["network"]["count"] == 0
    assert pauses(report) == {
        "count": 1,
        "total_ms": 900.0,
        "events": [{"at_s": 0.5, "ms": 900.0}],
    }


def test_a_process_that_was_stopped_is_not_the_networks_fault():
    stopped = Underrun(0.8, 1.0, 10.9, is_device=True)
    report = SinkReport(first_sound_at=10.1, underruns=(stopped,))
    assert underruns(report, LATE, [10.0, 11.99])["network"]["count"] == 1
    assert underruns(report, LATE, [10.0, 11.99], [(10.9, 11.95)])["network"]["count"] == 0
    # It was only a little late when the device stopped for another reason.
    late = [(11.6, 11.75)]
    assert underruns(report, LATE, [10.0, 11.99], late)["network"]["count"] == 1
    # Nothing was heard of this one, so it made nothing late.
    report = SinkReport(first_sound_at=10.1)
    assert underruns(report, LATE, [10.0, 11.99], [(10.9, 11.95)])["network"]["count"] == 1
