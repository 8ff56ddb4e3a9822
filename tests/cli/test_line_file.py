from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from voicecli.cli.line_file import LineFile


def test_lines_are_in_the_file_at_once(tmp_path):
    path = tmp_path / "log"
    with LineFile(path) as journal:
        assert journal.write("onä\n") == 4
        assert path.read_text("utf-8") == "onä\n"
        journal.flush()
    assert journal.error is None


def test_it_appends(tmp_path):
    path = tmp_path / "log"
    for text in ("one\n", "two\n"):
        with LineFile(path) as journal:
            journal.write(text)
    assert path.read_text() == "one\ntwo\n"


def test_it_begins_anew_where_it_is_told_to(tmp_path):
    path = tmp_path / "log"
    path.write_text("something long\n")
    with LineFile(path, anew=True) as journal:
        journal.write("one\n")
        journal.write("two\n")
    assert path.read_text() == "one\ntwo\n"


def test_what_is_no_text_becomes_an_escape(tmp_path):
    path = tmp_path / "log"
    with LineFile(path) as journal:
        journal.write('"\udc80"\n')
    assert path.read_text() == '"\\udc80"\n'


@pytest.mark.parametrize("path", ["/no/such/folder/log", "/", "/dev/full"])
def test_what_cannot_be_written_is_kept_for_the_end(path):
    with LineFile(Path(path)) as journal:
        journal.write("one\n")
        journal.write("two\n")
    assert journal.error.message.startswith(f"cannot write {path}: ")
    journal.close()


def test_nothing_follows_a_hole(tmp_path):
    """A disk that is full and then is not would leave half a line and a whole one."""
    path = tmp_path / "log"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with LineFile(path) as journal:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6, kept[1]))
            journal.write("one\n")
            journal.write("two\n")
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)
            journal.write("three\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, previous)
    assert path.read_text() == "one\ntw"
    assert "too large" in journal.error.message


def test_the_file_is_closed_once(tmp_path):
    journal = LineFile(tmp_path / "log")
    descriptor = journal._descriptor
    journal.close()
    journal.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
