from __future__ import annotations

import json

import pytest

from voicecli.session.pace_file import PaceFile
from voicecli.text.grouping import Estimate

URL = "http://localhost:8880/v1"


@pytest.fixture
def file(tmp_path):
    return PaceFile(tmp_path / "cache" / "pace.json")


def test_what_was_measured_is_kept_for_each_endpoint_and_model(file):
    assert file.get(URL, "kokoro") is None
    file.put(URL, "kokoro", Estimate(0.3, 0.004, 0.07))
    file.put(URL, "tts-1", Estimate(1.2, 0.03, 0.06))
    again = PaceFile(file.path)
    assert again.get(URL, "kokoro") == Estimate(0.3, 0.004, 0.07)
    assert again.get(URL, "tts-1") == Estimate(1.2, 0.03, 0.06)
    assert again.get("http://elsewhere/v1", "kokoro") is None


def test_one_run_does_not_decide_alone(file):
    file.put(URL, "kokoro", Estimate(0.3, 0.01, 0.07))
    file.put(URL, "kokoro", Estimate(0.7, 0.03, 0.06))
    assert file.get(URL, "kokoro") == Estimate(0.5, 0.02, 0.06)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"%s": 5}', '{"%s": {"m": [1, 2]}}', '{"%s": {"m": [1, 2, 0]}}',
     '{"%s": {"m": [1, 2, "x"]}}', '{"%s": {"m": [-1, 0, 1]}}', '{"%s": {"m": [1, 1e9, 1]}}'],
)  # fmt: skip
def test_what_makes_no_sense_is_ignored(file, content):
    file.path.parent.mkdir()
    file.path.write_text(content.replace("%s", URL))
    assert file.get(URL, "m") is None
    file.put(URL, "m", Estimate(0.3, 0.004, 0.07))
    assert json.loads(file.path.read_text())[URL]["m"] == [0.3, 0.004, 0.07]
