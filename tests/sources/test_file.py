from __future__ import annotations

import io
import os
import sys
import threading

import pytest

from voicecli.errors import SourceError
from voicecli.sources.file import CHUNK_BYTES, FileSource


@pytest.fixture
def pipe(monkeypatch):
    """Standard input as a pipe; the value writes into it. Closing it is the test's or ours."""
    read_end, write_end = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(read_end, "rb", buffering=0))
    with os.fdopen(write_end, "wb", buffering=0) as writer:
        yield writer
    sys.stdin.close()


def test_a_file_comes_whole_and_in_pieces(tmp_path):
    content = os.urandom(3 * CHUNK_BYTES + 1)
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with FileSource(str(path)) as source:
        chunks = list(source)
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= CHUNK_BYTES


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a.wav", "wav"),
        ("a.OPUS", "opus"),
        ("a.ogg", "opus"),
        ("a.raw", "pcm"),
        ("a.m4a", None),
        ("a", None),
        ("-", None),
    ],
)
def test_a_known_suffix_names_the_format(name, known):
    assert FileSource(name).info.requested == known


def test_the_caller_s_word_counts_more():
    info = FileSource("a.wav", format="pcm", rate_hz=22_050, channels=2).info
    assert (info.requested, info.rate_hz, info.channels) == ("pcm", 22_050, 2)
    assert info.content_type is None


def test_the_label_is_the_path_or_says_standard_input():
    assert FileSource("x/a.wav").label == "x/a.wav"
    assert FileSource("-").label == "standard input"


def test_nothing_is_sent_and_that_is_told_when_warming():
    told = []
    source = FileSource("nowhere")
    source.warm()
    source.when_sent(lambda: told.append(1))
    assert told == []
    source.warm()
    assert told == [1]


@pytest.mark.parametrize("there", [False, True])
def test_what_cannot_be_opened_is_told(tmp_path, there):
    path = tmp_path / "folder"
    if there:
        path.mkdir()
    with (
        pytest.raises(SourceError, match=r"cannot read .*folder: "),
        FileSource(str(path)) as source,
    ):
        list(source)


def test_standard_input_is_read_as_it_comes(pipe):
    with FileSource("-") as source:
        chunks = iter(source)
        pipe.write(b"one")
        assert next(chunks) == b"one"
        pipe.write(b"two")
        assert next(chunks) == b"two"
        pipe.close()
        assert list(chunks) == []
    assert not sys.stdin.closed


def test_standard_input_that_is_closed_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="closed"), FileSource("-"):
        pass


def test_standard_input_that_is_no_file_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    with pytest.raises(SourceError, match="standard input"), FileSource("-"):
        pass


def test_cancel_ends_the_wait_for_a_quiet_pipe(pipe):
    with FileSource("-") as source:
        pipe.write(b"one")
        got = []
        heard = threading.Event()

        def work():
            for chunk in source:
                got.append(chunk)
                heard.set()

        thread = threading.Thread(target=work)
        thread.start()
        assert heard.wait(10)
        source.cancel()
        source.cancel()
        thread.join(10)
        assert not thread.is_alive()
    assert got == [b"one"]


def test_leaving_what_was_never_entered():
    FileSource("nowhere").__exit__(None, None, None)


def test_a_second_reading_starts_at_the_beginning(tmp_path):
    path = tmp_path / "a.pcm"
    path.write_bytes(b"abc")
    source = FileSource(str(path))
    for _ in range(2):
        with source:
            assert b"".join(source) == b"abc"
