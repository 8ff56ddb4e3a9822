from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from tests.cli.test_say import Stdin
from voicecli.cli import text_input
from voicecli.cli.text_input import spoken_text, unicode_of


@pytest.fixture
def of_pipe(monkeypatch):
    def read(data):
        monkeypatch.setattr(sys, "stdin", Stdin(data))
        return spoken_text([], None)

    return read


@pytest.mark.parametrize(
    "data",
    [
        "Grüße 😀".encode("utf-8-sig"),
        b"\xff\xfe" + "Grüße 😀".encode("utf-16-le"),
        b"\xfe\xff" + "Grüße 😀\r\n".encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-16-le", "utf-16-be"],
)
def test_a_byte_order_mark_says_how_to_read(of_pipe, tmp_path, data):
    assert of_pipe(data) == "Grüße 😀"
    path = tmp_path / "of-windows.txt"
    path.write_bytes(data)
    assert spoken_text([], path) == "Grüße 😀"


def test_a_mark_alone_is_no_text(of_pipe):
    with pytest.raises(typer.BadParameter, match="the text is empty"):
        of_pipe(b"\xef\xbb\xbf\r\n")


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("\x1b[1;31merror:\x1b[0m it broke", "error: it broke"),
        ("\x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("ding\x07 dong\x01\x7f\x93", "ding dong"),
        ("one\ttwo\r\nthree\x0c\x85four", "one\ttwo\r\nthree\x0c\x85four"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
    ],
)
def test_what_is_written_for_a_terminal_is_not_spoken(of_pipe, said, spoken):
    assert spoken_text([said], None) == spoken
    assert of_pipe(said.encode()) == spoken


def test_controls_alone_are_no_text():
    with pytest.raises(typer.BadParameter, match="the text is empty"):
        spoken_text(["\x1b[0m", "\x07"], None)


def test_audio_is_no_text(of_pipe, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVE")
    with pytest.raises(typer.BadParameter, match=r"a\.wav is no text.*voicecli play .*a\.wav$"):
        spoken_text([], path)
    with pytest.raises(typer.BadParameter, match=r"standard input is no text.*voicecli play -$"):
        of_pipe(path.read_bytes())


def test_what_the_locale_could_not_decode_is_replaced():
    assert unicode_of("caf\udce9") == "caf\ufffd"


def test_what_never_ends_is_refused(of_pipe, monkeypatch):
    monkeypatch.setattr(text_input, "_MOST_BYTES", 1 << 20)
    with pytest.raises(typer.BadParameter, match="standard input holds more than 1 MB"):
        of_pipe(b"y\n" * (1 << 20))
    with pytest.raises(typer.BadParameter, match="/dev/zero holds more than 1 MB"):
        spoken_text([], Path("/dev/zero"))


def test_as_much_as_is_read_is_spoken(of_pipe, monkeypatch):
    monkeypatch.setattr(text_input, "_MOST_BYTES", 4)
    assert of_pipe(b"four") == "four"
