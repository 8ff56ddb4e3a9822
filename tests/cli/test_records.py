from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from voicecli.cli import records
from voicecli.cli.records import LineFile, Records


def test_lines_are_in_the_file_at_once(tmp_path):
    path = tmp_path / "log"
    with LineFile(path) as file:
        assert file.write("onä\n") == 4
        assert path.read_text("utf-8") == "onä\n"
        file.flush()
    assert file.error is None


def test_it_appends(tmp_path):
    path = tmp_path / "log"
    for text in ("one\n", "two\n"):
        with LineFile(path) as file:
            file.write(text)
    assert path.read_text() == "one\ntwo\n"


def test_truncate_empties_it_first(tmp_path):
    path = tmp_path / "log"
    path.write_text("something long\n")
    with LineFile(path, truncate=True) as file:
        file.write("one\n")
        file.write("two\n")
    assert path.read_text() == "one\ntwo\n"


def test_undecodable_characters_become_escapes(tmp_path):
    path = tmp_path / "log"
    with LineFile(path) as file:
        file.write('"\udc80"\n')
    assert path.read_text() == '"\\udc80"\n'


@pytest.mark.parametrize("path", ["/no/such/folder/log", "/", "/dev/full"])
def test_an_error_is_kept(path):
    with LineFile(Path(path)) as file:
        file.write("one\n")
        file.write("two\n")
    assert file.error.message.startswith(f"cannot write {path}: ")
    file.close()


def test_nothing_is_written_after_an_error(tmp_path):
    """A disk that is full and then is not would leave half a line and a whole one."""
    path = tmp_path / "log"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with LineFile(path) as file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6, kept[1]))
            file.write("one\n")
            file.write("two\n")
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)
            file.write("three\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, previous)
    assert path.read_text() == "one\ntw"
    assert "too large" in file.error.message


def test_a_pipe_without_a_reader_is_an_error_at_once(tmp_path):
    path = tmp_path / "log"
    os.mkfifo(path)
    with LineFile(path) as file:
        file.write("one\n")
    assert file.error.message == f"cannot write {path}: nothing reads from this pipe"


def test_a_pipe_whose_reader_does_not_read_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "READER_S", 0.05)
    path = tmp_path / "log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with LineFile(path) as file:
        while file.error is None:
            file.write("x" * 1000)
    os.close(reader)
    assert file.error.message == f"cannot write {path}: nothing reads from this pipe"


def test_a_slow_reader_of_a_pipe_gets_everything(tmp_path):
    path = tmp_path / "log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with LineFile(path) as file, os.fdopen(reader, "rb") as slow:
        writing = threading.Thread(target=file.write, args=("x" * 1_000_000,))
        writing.start()
        received = slow.read(1_000_000)
        writing.join(10)
    assert file.error is None
    assert received == b"x" * 1_000_000


def test_closing_is_idempotent(tmp_path):
    file = LineFile(tmp_path / "log")
    descriptor = file._descriptor
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_folder_is_used_if_the_flag_named_none(tmp_path):
    assert Records().with_folder(tmp_path) == Records()
    assert Records(debug_audio="mine").with_folder(tmp_path).debug_audio == "mine"
    assert Records(debug_audio="").with_folder(None).debug_audio == ""
    assert Records(debug_audio="").with_folder(tmp_path).debug_audio == str(tmp_path)


def test_a_log_keeps_no_audio(tmp_path):
    assert not Records(event_log=tmp_path, trace=tmp_path).keeps_audio
    assert Records(save=tmp_path).keeps_audio
    assert Records(debug_audio="").keeps_audio
