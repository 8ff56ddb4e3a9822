from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import typer

from voicecli.cli import text_input
from voicecli.cli.text_input import as_unicode, read_text


@pytest.fixture
def piped(monkeypatch):
    """Read the text from a pipe with this content."""

    def read(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return read_text([], None)

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
def test_a_byte_order_mark_selects_the_encoding(piped, tmp_path, data):
    assert piped(data) == "Grüße 😀"
    path = tmp_path / "of-windows.txt"
    path.write_bytes(data)
    assert read_text([], path) == "Grüße 😀"


def test_a_byte_order_mark_alone_is_an_empty_text(piped):
    with pytest.raises(typer.BadParameter, match="the text is empty"):
        piped(b"\xef\xbb\xbf\r\n")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("\x1b[1;31merror:\x1b[0m it broke", "error: it broke"),
        ("\x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("ding\x07 dong\x01\x7f\x93", "ding dong"),
        ("one\ttwo\r\nthree\x0c\x85four", "one\ttwo\r\nthree\x0c\x85four"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
    ],
)
def test_escape_sequences_are_not_spoken(piped, text, spoken):
    assert read_text([text], None) == spoken
    assert piped(text.encode()) == spoken


def test_control_characters_alone_are_an_empty_text():
    with pytest.raises(typer.BadParameter, match="the text is empty"):
        read_text(["\x1b[0m", "\x07"], None)


def test_binary_data_is_rejected(piped, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVE")
    with pytest.raises(typer.BadParameter, match=r"a\.wav is not text.*voicecli play .*a\.wav$"):
        read_text([], path)
    with pytest.raises(typer.BadParameter, match=r"standard input is not text.*voicecli play -$"):
        piped(path.read_bytes())


def test_undecodable_bytes_of_an_argument_are_replaced():
    assert as_unicode("caf\udce9") == "caf\ufffd"


def test_an_endless_text_is_rejected(piped, monkeypatch):
    monkeypatch.setattr(text_input, "_MAX_BYTES", 1 << 20)
    with pytest.raises(typer.BadParameter, match="standard input is longer than 1 MB"):
        piped(b"y\n" * (1 << 20))
    with pytest.raises(typer.BadParameter, match="/dev/zero is longer than 1 MB"):
        read_text([], Path("/dev/zero"))


def test_a_text_of_the_maximum_length_is_accepted(piped, monkeypatch):
    monkeypatch.setattr(text_input, "_MAX_BYTES", 4)
    assert piped(b"four") == "four"
