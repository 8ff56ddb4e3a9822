from __future__ import annotations

import pytest

from tests.bench.results import speech_run
from voicecli.bench.speech import SpeechRun, readings


def test_readings_are_copied_from_the_metrics_or_derived_from_them():
    runs = [speech_run(), speech_run(gaps=[(0.5, 120.0), (0.75, 80.0)], ttfa_ms=150.0)]
    values = readings(runs)
    assert values["ttfb_ms"] == [100.0, 100.0]
    assert values["ttfa_ms"] == [110.0, 150.0]
    assert values["gaps"] == [0, 2]
    assert values["gap_ms"] == [0, 200.0]
    assert values["continuity_pct"] == [100.0, 0.0]
    assert values["kbit_s"] == pytest.approx([32.0, 32.0])
    assert values["decode_ms"] == [2.0, 2.0]
    assert values["audio_s"] == [1.0, 1.0]
    assert "launch_to_sound_ms" not in values


def test_what_did_not_happen_is_left_out():
    run = speech_run()
    silent = SpeechRun(dict(run.metrics) | {"ttfa_ms": None, "audio_s": 0, "rtf": None})
    values = readings([silent])
    assert not {"ttfa_ms", "rtf", "kbit_s", "launch_to_sound_ms"} & set(values)
    assert readings([]) == {}


def test_the_start_of_a_process_counts():
    run = speech_run()
    launched = SpeechRun(dict(run.metrics) | {"launch_to_request_ms": 300.0})
    assert readings([launched])["launch_to_sound_ms"] == [410.0]
    mute = SpeechRun(dict(launched.metrics) | {"ttfa_ms": None})
    assert "launch_to_sound_ms" not in readings([mute])


def test_the_pace_counts_from_the_first_arrival():
    assert speech_run([(100.0, 5.0), (600.0, 0.5), (1100.0, 0.5)]).pace == pytest.approx(1.0)
    assert speech_run([(100.0, 5.0)]).pace is None
    assert SpeechRun({}).pace is None
