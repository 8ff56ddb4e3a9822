"""Command lines that are understood without the full command line."""

from __future__ import annotations

import pytest

from voicecli.control.commands import describe, parse


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("stop", {"command": "stop"}),
        ("stop --all --json", {"command": "stop", "everyone": True, "as_json": True}),
        ("pause --toggle", {"command": "toggle"}),
        ("skip -n 3", {"command": "skip", "count": 3}),
        ("back --count 1000", {"command": "back", "count": 1000}),
    ],
)
def test_usual_lines_need_no_full_command_line(line, arguments):
    assert parse(line.split()) == arguments


@pytest.mark.parametrize(
    "line",
    ["toggle", "stop --toggle", "pause -n 2", "skip -n", "skip -n 0", "skip -n 1001", "skip -n ²",
     "skip -n2", "skip --help", "stop now"],
)  # fmt: skip
def test_others_are_left_to_it(line):
    assert parse(line.split()) is None


def test_a_speaker_that_says_nothing_is_described():
    assert describe({"state": "suspended", "pid": 7}) == "suspended: process 7"
