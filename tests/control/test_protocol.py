"""Lines of the control protocol: bounded, versioned, JSON."""

from __future__ import annotations

import json

import pytest

from voicecli.control.protocol import (
    MAX_LINE_BYTES,
    MAX_TEXT,
    SCHEMA,
    ProtocolError,
    count_of,
    decode,
    encode,
    text_of,
)


def test_what_is_encoded_is_decoded():
    line = encode({"command": "skip", "by": "ü\n"})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert decode(line) == {"schema": SCHEMA, "command": "skip", "by": "ü\n"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "malformed"),
        (b"stop", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "schema"),
        (b'{"schema": "voicecli.control/0", "command": "stop"}', "schema"),
        (b'{"schema": ["voicecli.control/1"]}', "schema"),
        (b"[" * 5000, "malformed"),
        (b'{"a": 1e999999}', "schema"),
        (b" " * (MAX_LINE_BYTES + 1), "too_long"),
    ],
)
def test_anything_else_is_refused(line, code):
    with pytest.raises(ProtocolError) as refused:
        decode(line)
    assert refused.value.code == code


def test_texts_are_bounded_and_of_the_right_type():
    assert text_of({"by": "x" * 1000}, "by") == "x" * MAX_TEXT
    assert text_of({"by": 7}, "by") == text_of({}, "by") == ""


@pytest.mark.parametrize("count", [0, -1, 1001, 1.5, True, "2", None, [1]])
def test_a_count_is_a_small_number(count):
    with pytest.raises(ProtocolError):
        count_of({"count": count})


def test_a_count_is_one_if_it_is_missing():
    assert count_of({}) == 1
    assert count_of(json.loads('{"count": 3}')) == 3
