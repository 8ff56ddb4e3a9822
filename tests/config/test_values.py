from __future__ import annotations

from datetime import date
from math import inf, nan
from pathlib import Path

import pytest

from voicecli.config import values

EITHER = values.keyword_or("auto", values.number(0, 9.5))


@pytest.mark.parametrize(
    ("check", "value", "converted"),
    [
        (values.text, " a ", " a "),
        (values.number(0, 4), 0, 0.0),
        (values.number(0, 4), 4.0, 4.0),
        (values.integer(2, 4), 2, 2),
        (values.integer(2, 4), 4, 4),
        (EITHER, "auto", "auto"),
        (EITHER, 9.5, 9.5),
        (values.device, 0, "0"),
        (values.device, "USB", "USB"),
        (values.folder, "/a/b", Path("/a/b")),
        (values.json_table, {"a": [1, {"b": "c"}], "d": True}, {"a": [1, {"b": "c"}], "d": True}),
    ],
)
def test_a_valid_value_is_converted(check, value, converted):
    result = check(value)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("check", "values", "expected"),
    [
        (values.text, ["", " \t", 1, None], "a non-empty string"),
        (values.number(0, 4), [-0.1, 4.1, True, "1", nan, inf], "a number from 0 to 4"),
        (values.integer(0, 4), [-1, 5, 3.0, True, "3"], "an integer from 0 to 4"),
        (EITHER, ["automatic", -1, True], '"auto" or a number from 0 to 9.5'),
        (values.device, [-1, True, "", 1.0], "a device's index or part of its name"),
        (values.folder, ["", 3], "a non-empty string"),
        (
            values.json_table,
            [
                1,
                [],
                {"a": date(2026, 11, 20)},
                {"a": [{"b": date(2026, 11, 20)}]},
                {"a": [inf, nan]},
            ],
            "a table of strings, numbers, booleans, lists and tables",
        ),
    ],
)
def test_an_invalid_value_is_answered_with_what_was_expected(check, values, expected):
    for value in values:
        with pytest.raises(TypeError) as caught:
            check(value)
        assert str(caught.value) == expected


def test_a_tilde_in_a_folder_is_the_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert values.folder("~/speech") == Path("/home/somebody/speech")
