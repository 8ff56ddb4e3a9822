from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from pathlib import Path

import pytest
import typer

from voicecli.cli import text_input as module
from voicecli.cli.text_input import TextReading, as_unicode, open_text, read_file, text_input
from voicecli.errors import EmptyText, TextError


def whole(text, is_over=lambda: False):
    with contextlib.closing(text):
        return "".join(text.pieces(is_over))


@pytest.fixture
def piped(monkeypatch):
    """Return the text of standard input with this content, which is not a file of the system's."""

    def read(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return whole(text_input([], None))

    return read


@pytest.fixture
def pipe(monkeypatch):
    """A pipe as standard input: what `write` is given arrives at once, `end` closes it."""
    read_end, write_end = os.pipe()

    class Pipe:
        is_open = True

        def write(self, data):
            os.write(write_end, data)

        def end(self):
            if self.is_open:
                self.is_open = False
                os.close(write_end)

    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        pipe = Pipe()
        yield pipe
        pipe.end()


@pytest.mark.parametrize(
    "data",
    [
        "Grüße 😀".encode("utf-8-sig"),
        b"\xff\xfe" + "Grüße 😀".encode("utf-16-le"),
        b"\xfe\xff" + "Grüße 😀".encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-16-le", "utf-16-be"],
)
def test_a_byte_order_mark_selects_the_encoding(piped, tmp_path, data):
    assert piped(data) == "Grüße 😀"
    path = tmp_path / "of-windows.txt"
    path.write_bytes(data)
    assert whole(text_input([], path)) == "Grüße 😀"


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf\r\n", b"\x1b[0m\x07"])
def test_white_space_and_controls_alone_are_an_empty_text(piped, data):
    with pytest.raises(EmptyText, match="standard input is empty"):
        piped(data)
    with pytest.raises(EmptyText, match="the text is empty"):
        text_input([data.decode("utf-8-sig")], None)


def test_words_are_joined_and_stripped():
    text = text_input([" Good", "morning. "], None)
    assert (whole(text), text.is_growing, text.has_begun) == ("Good morning.", False, True)


def test_binary_data_is_rejected(piped, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVE")
    message = r"a\.wav is not text.*utf-16.*voicecli play .*a\.wav$"
    with pytest.raises(typer.BadParameter, match=message):
        text_input([], path)
    with pytest.raises(typer.BadParameter, match=r"standard input is not text.*voicecli play -$"):
        piped(path.read_bytes())
    with pytest.raises(typer.BadParameter, match="not text"):
        text_input([], Path("/dev/zero"))


def test_undecodable_bytes_of_an_argument_are_replaced():
    assert as_unicode("caf\udce9") == "caf\ufffd"


class TestPipe:
    def test_pieces_come_as_they_are_written(self, pipe):
        text = text_input([], None)
        assert (text.is_growing, text.has_begun) == (True, False)
        pieces = text.pieces(lambda: False)
        pipe.write(b"One sentence. ")
        assert next(pieces) == "One sentence. "
        assert (text.is_growing, text.has_begun) == (True, True)
        pipe.write("Größ".encode()[:-1])
        assert next(pieces) == "Grö"
        pipe.write("ß".encode()[1:])
        pipe.end()
        assert "".join(pieces) == "ß"
        assert not text.is_growing

    def test_a_short_text_that_is_there_at_once_is_known_to_be_complete(self, pipe):
        pipe.write(b"All of it.")
        pipe.end()
        text = text_input([], None)
        assert (text.is_growing, text.has_begun) == (False, True)
        assert whole(text) == "All of it."

    def test_a_wait_for_the_writer_ends_with_the_run(self, pipe, monkeypatch):
        monkeypatch.setattr(module, "_POLL_S", 0.01)
        text = text_input([], None)
        is_over = threading.Event()
        found = []
        thread = threading.Thread(target=lambda: found.append(whole(text, is_over.is_set)))
        thread.start()
        is_over.set()
        thread.join(10)
        assert found == [""]

    def test_a_pipe_that_ends_without_text_later_is_an_error(self, pipe):
        pieces = text_input([], None).pieces(lambda: False)
        pipe.write(b"\n\n")
        assert next(pieces).isspace()
        pipe.end()
        with pytest.raises(EmptyText, match="standard input is empty"):
            next(pieces)

    def test_binary_data_later_is_an_error(self, pipe):
        pieces = text_input([], None).pieces(lambda: False)
        pipe.write(b"Text, ")
        assert next(pieces) == "Text, "
        pipe.write(b"and \0.")
        with pytest.raises(TextError, match="not text"):
            next(pieces)

    def test_no_more_is_read_than_is_wanted(self, pipe):
        pipe.write(b"x" * 40_000)
        text = text_input([], None)
        pieces = text.pieces(lambda: False)
        assert len(next(pieces)) == 16 * 1024
        left = os.read(sys.stdin.fileno(), 40_000)
        assert len(left) == 40_000 - 2 * 16 * 1024


class TestWholeFile:
    def test_lines(self, tmp_path):
        path = tmp_path / "texts"
        path.write_text("one\ntwo\n")
        assert read_file(str(path)) == "one\ntwo\n"

    def test_an_endless_one_is_rejected(self, piped, monkeypatch):
        monkeypatch.setattr(module, "_MAX_WHOLE", 1 << 20)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y\n" * (1 << 20))))
        with pytest.raises(typer.BadParameter, match="longer than 1 MB"):
            read_file("-")

    def test_binary_data_far_into_it_is_rejected(self, tmp_path):
        path = tmp_path / "texts"
        path.write_bytes(b"text " * 20_000 + b"\0")
        with pytest.raises(typer.BadParameter, match="not text"):
            read_file(str(path))


def test_a_file_is_closed_although_it_was_not_read(tmp_path):
    path = tmp_path / "text"
    path.write_text("Hello. " * 10_000)
    text = open_text(str(path))
    text.close()
    assert text._file.closed


class TestEncoding:
    DATA = "Un café, s'il vous plaît.".encode("cp1252")

    def test_it_is_guessed_and_told_with_the_name_of_the_text(self, tmp_path):
        path, told = tmp_path / "old.txt", []
        path.write_bytes(self.DATA)
        assert whole(open_text(str(path), TextReading(warn=told.append))).startswith("Un café,")
        assert told == [
            f"{path} is not UTF-8 and is read as WINDOWS-1252; --encoding NAME overrides that"
        ]

    def test_wrong_bytes_in_a_given_encoding_are_a_usage_error(self, tmp_path):
        path = tmp_path / "old.txt"
        path.write_bytes(self.DATA)
        with pytest.raises(typer.BadParameter, match="not valid utf-8: byte 0xe9"):
            open_text(str(path), TextReading("utf-8"))

    def test_a_slow_writer_is_not_waited_for(self, pipe):
        told = []
        pipe.write(b"A caf\xe9. ")
        text = text_input([], None, TextReading(warn=told.append))
        pieces = text.pieces(lambda: False)
        assert next(pieces) == "A café. "
        pipe.write("Déjà vu".encode("cp1252"))
        assert next(pieces) == "Déjà vu"
        assert len(told) == 1

    def test_an_argument_in_another_encoding(self):
        told = []
        argument = os.fsdecode(self.DATA)
        given = text_input([argument], None, TextReading(warn=told.append))
        assert whole(given) == "Un café, s'il vous plaît."
        assert told == [
            "the text is not UTF-8 and is read as WINDOWS-1252; --encoding NAME overrides that"
        ]
        assert whole(text_input([argument], None, TextReading("cp1250"))).endswith("plaît.")
