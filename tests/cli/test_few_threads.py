"""A process that may start few threads says so, in a line, whichever it cannot start."""

from __future__ import annotations

import threading

import pytest

NAMES = ["fetch-0", "source", "decoder", "device", "saving"]


@pytest.mark.parametrize("name", NAMES)
def test_too_few_threads_are_an_error_of_one_line(say, monkeypatch, tmp_path, name):
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == f"voicecli-{name}":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    result = say("--save", str(tmp_path / "hello.wav"), "Hello.")
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    assert (result.exit_code, len(errors)) == (3, 1), result
    assert "no more threads can be started" in errors[0]


def test_the_watcher_of_signals_needs_a_thread(say, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("voicecli.cli.signals._Watcher.start", refuse)
    result = say("Hello.")
    assert result.exit_code == 3
    assert "no more threads can be started" in result.stderr
