from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli import layout, output

ROWS = [
    ("*", "af_bella", "English", "a warm voice that was made for long texts, by somebody"),
    (" ", "b", "", "x"),
]


class Terminal(io.StringIO):
    """Stands in for a terminal, whose width is in COLUMNS."""

    def isatty(self):
        return True


def test_only_a_terminal_has_a_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert layout.terminal_width(Terminal()) == 60
    assert layout.terminal_width(io.StringIO()) is None
    assert layout.terminal_width(None) is None


@pytest.mark.parametrize("columns", ["", "0", "no number", "5"])
def test_a_width_that_makes_no_sense_is_not_used(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert layout.terminal_width(Terminal()) >= 20


@given(st.text(alphabet="ab -/·.", max_size=200), st.integers(20, 80))
def test_no_word_is_broken(text, width):
    lines = layout.wrap(text, width)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(len(line) <= width or " " not in line.strip() for line in lines)


def test_a_path_gets_a_line_of_its_own():
    path = "/home/somebody/" + "very-" * 10 + "long.wav"
    assert layout.wrap(f"saved {path}", 40) == ["saved", f"  {path}"]


def test_without_a_terminal_nothing_is_wrapped():
    assert layout.wrap("word " * 50, None) == ["word " * 50]
    assert [len(line) for line in layout.table(ROWS, None)] == [76, 23]


@pytest.mark.parametrize("width", [45, 60])
def test_the_last_column_is_wrapped(width):
    lines = list(layout.table(ROWS, width))
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("*  af_bella  English  a warm voice")
    assert lines[1].startswith(" " * 22)


def test_with_too_little_room_a_row_is_a_paragraph():
    assert list(layout.table(ROWS, 36)) == [
        "*  af_bella  English  a warm voice",
        "    that was made for long texts, by",
        "    somebody",
        "   b    x",
    ]


def test_one_long_path_does_not_spoil_the_other_rows():
    path = "/home/somebody/" + "folder/" * 5 + "config.toml"
    rows = [("file", path, "does not exist"), ("volume", "1.0", "default"), ("x", "y", "z")]
    assert list(layout.table(rows, 70)) == [
        f"file  {path}",
        "    does not exist",
        "volume  1.0  default",
        "x       y    z",
    ]


def test_messages_are_wrapped_on_a_terminal(monkeypatch):
    stderr = Terminal()
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stderr", stderr)
    output.print_message("spoke 2.9 s · first sound after 0.53 s")
    assert stderr.getvalue() == "voicecli: spoke 2.9 s · first\n  sound after 0.53 s\n"


def test_a_terminal_narrower_than_the_indent_is_no_error():
    assert layout.wrap("two words", 1, indent="      ") == ["two", "      words"]
