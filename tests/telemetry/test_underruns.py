from __future__ import annotations

import pytest

from voicecli.playback.arrivals import Arrivals
from voicecli.playback.base import SinkReport, Underrun
from voicecli.telemetry.underruns import DECODER, MACHINE, NETWORK, cause, underruns


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
    report = SinkReport(first_sound_at=10.1, underruns=(GAP,), underflows_at_s=(0.25,))
    counts = underruns(report, LATE, [10.0, 11.99])
    assert counts == {
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
