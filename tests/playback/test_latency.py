from __future__ import annotations

import os

import pytest

from voicecli.playback import latency as module
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.latency import (
    BUSY_LATENCY_S,
    LATENCY_S,
    MAX_LATENCY_S,
    DeviceLatency,
    LatencyFile,
    ignore_environment,
    next_latency_s,
)

CLEAN = SinkReport(first_sound_at=1.0)
STARVED = SinkReport(first_sound_at=1.0, underruns=(Underrun(0.5, 0.02, 1.5, is_device=True),))
STOPPED = SinkReport(first_sound_at=1.0, underruns=(Underrun(0.5, 2.0, 1.5, is_device=True),))
SLOW_NETWORK = SinkReport(first_sound_at=1.0, underruns=(Underrun(0.5, 0.02, 1.5),))


@pytest.fixture(autouse=True)
def _idle(monkeypatch):
    monkeypatch.setattr(module, "is_machine_busy", lambda: False)


@pytest.mark.parametrize(
    ("used_s", "known_s", "report", "next_s"),
    [
        (LATENCY_S, 0.0, CLEAN, 0.0),
        (LATENCY_S, 0.0, STARVED, 2 * LATENCY_S),
        (0.4, 0.4, STARVED, MAX_LATENCY_S),
        (LATENCY_S, 0.0, STOPPED, 0.0),  # no buffer would have helped
        (LATENCY_S, 0.0, SLOW_NETWORK, 0.0),
        (0.2, 0.2, CLEAN, 0.18),
        (0.042, 0.042, CLEAN, LATENCY_S),
        (BUSY_LATENCY_S, 0.0, CLEAN, 0.0),
    ],
)
def test_what_a_run_says_of_the_next(used_s, known_s, report, next_s):
    assert next_latency_s(used_s, known_s, report) == pytest.approx(next_s)


def test_it_grows_and_is_remembered_for_the_device(tmp_path):
    file = LatencyFile(tmp_path / "devices.json")
    latency = DeviceLatency("ALSA pulse", file=file)
    assert latency.choose_s() == LATENCY_S
    latency.learn(LATENCY_S, STARVED)
    assert DeviceLatency("ALSA pulse", file=file).choose_s() == 2 * LATENCY_S
    assert DeviceLatency("ALSA hw:0", file=file).choose_s() == LATENCY_S


def test_a_given_buffer_is_used_and_teaches_nothing(tmp_path):
    file = LatencyFile(tmp_path / "devices.json")
    latency = DeviceLatency("pulse", 0.02, file)
    assert (latency.choose_s(), latency.may_grow) == (0.02, False)
    latency.learn(0.02, STARVED)
    assert not file.path.exists()


def test_without_a_file_nothing_is_remembered():
    latency = DeviceLatency("pulse")
    latency.learn(LATENCY_S, STARVED)
    assert latency.choose_s() == LATENCY_S


def test_a_busy_machine_gets_a_larger_buffer(monkeypatch):
    monkeypatch.setattr(module, "is_machine_busy", lambda: True)
    assert DeviceLatency("pulse").choose_s() == BUSY_LATENCY_S


@pytest.mark.parametrize("text", ['{"pulse": "80"}', '{"pulse": -1}', '{"pulse": 1e9}', "[", ""])
def test_a_file_that_makes_no_sense_is_ignored(tmp_path, text):
    path = tmp_path / "devices.json"
    path.write_text(text)
    assert DeviceLatency("pulse", file=LatencyFile(path)).choose_s() == LATENCY_S


def test_sound_servers_do_not_see_variables_that_change_the_buffer(monkeypatch):
    for name in ("PULSE_LATENCY_MSEC", "PIPEWIRE_LATENCY"):
        monkeypatch.setenv(name, "250")
    monkeypatch.setenv("PULSE_SERVER", "tcp:far")
    ignore_environment()
    assert {"PULSE_LATENCY_MSEC", "PIPEWIRE_LATENCY"}.isdisjoint(os.environ)
    assert os.environ["PULSE_SERVER"] == "tcp:far"
