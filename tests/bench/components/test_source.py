from __future__ import annotations

import pytest

from voicecli.bench.components import source as module
from voicecli.bench.components.source import COLUMNS, SourceSettings, cases
from voicecli.streams import AudioSource

SHORT = SourceSettings(duration_s=0.2)


@pytest.mark.parametrize("producer", ["fast", "real-time"])
def test_readings(producer):
    (case,) = cases([100], [20], [producer], SHORT)
    readings = case.measure()
    assert len(readings["wait_ms"]) == len(readings["queued_ms"]) == 10
    assert min(readings["wait_ms"]) >= 0
    assert max(readings["queued_ms"]) <= 100 + 1e-6
    assert readings["drops"] == [0]
    assert len(readings["late_ms"]) == len(readings["underruns"]) == 1
    assert {c.metric for c in COLUMNS} <= {*readings, *case.labels}


def test_a_fast_producer_waits_as_long_as_the_sound_lasts():
    (case,) = cases([100], [20], ["fast"], SHORT)
    assert sum(case.measure()["wait_ms"]) >= 90


def test_all_combinations():
    made = cases([0, 100], [10, 20], ["fast", "real-time"], SHORT)
    assert len({tuple(case.labels.values()) for case in made}) == 8


@pytest.mark.parametrize(("named", "device"), [("default", None), ("Headset", "Headset")])
def test_on_a_device(monkeypatch, named, device):
    asked = []

    async def opened(rate_hz, channels, queue_ms, *, device):
        asked.append(device)
        return AudioSource(rate_hz, channels, queue_ms)

    monkeypatch.setattr(module.AudioSource, "open", opened)
    settings = SourceSettings(duration_s=0.05, device=named)
    (case,) = cases([100], [20], ["fast"], settings)
    assert case.measure()["wait_ms"]
    assert asked == [device]
