from __future__ import annotations

import pytest

from voicecli.bench.case import Case, Outcome
from voicecli.bench.explanation import explanations

TWICE = "starts after 85 ms, 2.0 times faster than speech"
SLOWER = "starts after 85 ms, 1.5 times slower than speech"


def outcome(**readings):
    case = Case({"format": "opus"}, dict, "opus from http://a.test")
    return Outcome(case, 3, {name: list(values) for name, values in readings.items()})


@pytest.mark.parametrize(
    ("readings", "sentence"),
    [
        (
            {"ttfa_ms": [80, 85, 900], "rtf": [0.04], "gaps": [0], "recommended_buffer_ms": [60]},
            "starts after 85 ms, 25 times faster than speech; the default buffer is enough",
        ),
        (
            {"ttfa_ms": [85], "rtf": [0.5], "gaps": [0, 0], "recommended_buffer_ms": [340]},
            f"{TWICE}; needs --buffer-ms 340, which the default finds out",
        ),
        (
            {"ttfa_ms": [85], "rtf": [1.5], "gaps": [1, 2], "recommended_buffer_ms": [340]},
            f"{SLOWER}; 1.50 gaps a run: try --buffer-ms 340",
        ),
        ({"ttfa_ms": [85]}, "starts after 85 ms; the default buffer is enough"),
    ],
)
def test_a_sentence_says_what_a_row_means(readings, sentence):
    assert explanations([outcome(**readings)]) == [f"opus from http://a.test: {sentence}"]


def test_what_was_not_heard_has_none():
    assert explanations([outcome(), outcome(ttfa_ms=[])]) == []
