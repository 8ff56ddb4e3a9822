from __future__ import annotations

import io
import os
import sys
import threading

import pytest

from voicecli.errors import CorruptStream, SourceError
from voicecli.sources.base import SourceInfo
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
    with FileSource(str(path)).open() as response:
        chunks = list(response)
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= CHUNK_BYTES + 512  # held back, as they may begin a text


def test_the_info_is_what_the_caller_says(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"abc")
    with FileSource(str(path), format="pcm", rate_hz=22_050, channels=2).open() as response:
        assert response.info == SourceInfo("pcm", None, 22_050, 2, is_file=True)
    with FileSource(str(path)).open() as response:
        assert response.info == SourceInfo(is_file=True)


def test_the_label_is_the_path_or_says_standard_input():
    assert FileSource("x/a.wav").label == "x/a.wav"
    assert FileSource("-").label == "standard input"


def test_it_sends_no_request():
    source = FileSource("nowhere")
    source.prepare()
    assert not source.sends_request


@pytest.mark.parametrize("there", [False, True])
def test_an_unreadable_file_is_an_error(tmp_path, there):
    path = tmp_path / "folder"
    if there:
        path.mkdir()
    with (
        pytest.raises(SourceError, match=r"cannot read .*folder: "),
        FileSource(str(path)).open() as response,
    ):
        list(response)


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "a.pcm").touch()
    with (
        pytest.raises(SourceError, match="is empty"),
        FileSource(str(tmp_path / "a.pcm")).open() as response,
    ):
        list(response)


def test_standard_input_is_read_as_it_comes(pipe):
    with FileSource("-").open() as response:
        chunks = iter(response)
        pipe.write(b"one\x80")
        assert next(chunks) == b"one\x80"
        pipe.write(b"two\x80")
        assert next(chunks) == b"two\x80"
        pipe.close()
        assert list(chunks) == []
    assert not sys.stdin.closed


@pytest.mark.parametrize("stdin", [None, io.StringIO("text")], ids=["closed", "not a file"])
def test_unreadable_standard_input_is_an_error(monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(SourceError, match="cannot read standard input"):
        FileSource("-").open()


def test_cancel_ends_the_wait_for_a_quiet_pipe(pipe):
    source = FileSource("-")
    with source.open() as response:
        pipe.write(b"one\x80")
        got = []
        received = threading.Event()

        def work():
            for chunk in response:
                got.append(chunk)
                received.set()

        thread = threading.Thread(target=work)
        thread.start()
        assert received.wait(10)
        source.cancel()
        source.cancel()
        thread.join(10)
        assert not thread.is_alive()
    assert got == [b"one\x80"]


def test_a_second_reading_starts_at_the_beginning(tmp_path):
    path = tmp_path / "a.pcm"
    path.write_bytes(b"abc")
    source = FileSource(str(path))
    for _ in range(2):
        with source.open() as response:
            assert b"".join(response) == b"abc"


ERROR = b'{"error": {"message": "no credit"}}'
SOUND = bytes(range(256)) * 30


def read(path, format, got):
    with FileSource(str(path), format=format).open() as response:
        got.extend(response)


@pytest.mark.parametrize(
    ("name", "sound"),
    [("a.pcm", SOUND), ("a.mp3", b"\xff\xfb" + SOUND), ("a.wav", b"RIFF" + SOUND)],
)
def test_an_error_behind_the_sound_is_reported_after_it(tmp_path, name, sound):
    """As curl saves it if a server fails after its first sound."""
    path, got = tmp_path / name, []
    path.write_bytes(sound + ERROR)
    with pytest.raises(
        CorruptStream,
        match="text follows the sound: no credit",
        check=lambda error: error.remedy == "get the file again",
    ):
        read(path, "pcm" if name == "a.pcm" else None, got)
    assert b"".join(got) == sound


@pytest.mark.parametrize("words", [b"TAG" + b"Trial and Error".ljust(125), b"Forbidden. " * 9])
@pytest.mark.parametrize("format", ["pcm", None])
def test_words_behind_the_sound_of_a_file_may_be_a_title(tmp_path, words, format):
    path, got = tmp_path / "a", []
    path.write_bytes(SOUND + words)
    read(path, format, got)
    assert b"".join(got) == SOUND + words


@pytest.mark.parametrize("before", [b"", b"2026-11-28 12:00 the server answers with "])
def test_a_text_is_left_to_be_recognised_as_one(tmp_path, before):
    path, got = tmp_path / "a.log", []
    path.write_bytes(before + ERROR)
    read(path, None, got)
    assert b"".join(got) == before + ERROR
