from __future__ import annotations

from datetime import date
from math import inf, nan
from pathlib import Path

import pytest

from voicecli.config import values

EITHER = values.word_or("auto", values.number(0, 9.5))


@pytest.mark.parametrize(
    ("check", "value", "wanted"),
    [
        (values.text, " a ", " a "),
        (values.number(0, 4), 0, 0.0),
        (values.number(0, 4), 4.0, 4.0),
        (values.whole(2, 4), 2, 2),
        (values.whole(2, 4), 4, 4),
        (EITHER, "auto", "auto"),
        (EITHER, 9.5, 9.5),
        (values.device, 0, "0"),
        (values.device, "USB", "USB"),
        (values.folder, "/a/b", Path("/a/b")),
        (values.body, {"a": [1, {"b": "c"}], "d": True}, {"a": [1, {"b": "c"}], "d": True}),
    ],
)
def test_what_is_right_is_taken(check, value, wanted):
    taken = check(value)
    assert taken == wanted
    assert isinstance(taken, type(wanted)) or check is values.body


@pytest.mark.parametrize(
    ("check", "values", "expected"),
    [
        (values.text, ["", " \t", 1, None], "a text that is not empty"),
        (values.number(0, 4), [-0.1, 4.1, True, "1", nan, inf], "a number from 0 to 4"),
        (values.whole(0, 4), [-1, 5, 3.0, True, "3"], "a whole number from 0 to 4"),
        (EITHER, ["automatic", -1, True], '"auto" or a number from 0 to 9.5'),
        (values.device, [-1, True, "", 1.0], "a device's index or part of its name"),
        (values.folder, ["", 3], "a text that is not empty"),
        (
            values.body,
            [1, [], {"a": date(2026, 11, 20)}, {"a": [{"b": date(2026, 11, 20)}]}],
            "a table of texts, numbers, booleans, lists and tables",
        ),
    ],
)
def test_what_is_wrong_is_told_by_what_was_expected(check, values, expected):
    for value in values:
        with pytest.raises(TypeError) as caught:
            check(value)
        assert str(caught.value) == expected


def test_a_folder_may_be_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert values.folder("~/speech") == Path("/home/somebody/speech")


def test_a_body_cannot_be_written_to():
    body = values.body({"a": 1})
    with pytest.raises(TypeError):
        body["a"] = 2
