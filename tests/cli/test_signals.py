"""Ctrl-C, whatever hangs: the sound server, or the reader of standard output."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from tests.support.cli import Cli
from tests.support.recorder import Recorder
from tests.support.sound_server import SoundServer
from tests.support.speech_server import Reply, clips_of
from tests.support.timing import best_of
from tests.support.tones import tone
from voicecli.cli import signals

RATE = {"X-Sample-Rate": "48000"}


@pytest.fixture
def handlers():
    """Whatever a block leaves behind, the next test finds its own signal handlers."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def exits(monkeypatch):
    """The statuses of `os._exit`; waits for the first one."""
    found, has_left = [], threading.Event()

    def leave(status):
        found.append(status)
        has_left.set()

    monkeypatch.setattr(os, "_exit", leave)
    return lambda: found if has_left.wait(10) else None


def test_the_first_signal_cancels_and_the_second_exits(handlers, exits):
    cancelled = threading.Event()
    with signals.cancelling(cancelled.set, lambda: False):
        signal.raise_signal(signal.SIGTERM)
        assert cancelled.wait(10)
    signal.raise_signal(signal.SIGINT)  # also after the block
    assert exits() == [130]


def test_a_block_that_hangs_after_the_first_signal_is_left(handlers, exits, monkeypatch):
    monkeypatch.setattr(signals, "LIMIT_S", 0.01)
    with signals.cancelling(lambda: None, lambda: False):
        signal.raise_signal(signal.SIGINT)
        assert exits() == [130]


def test_a_signal_at_the_very_end_of_a_block_does_not_hold_it_up(handlers):
    def block():
        with signals.cancelling(lambda: None, lambda: False):
            os.kill(os.getpid(), signal.SIGTERM)  # noticed after the block, as this holds the GIL

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1.0)
    try:
        block()
    finally:
        sys.setswitchinterval(interval_s)


def test_saving_has_more_time(handlers, exits, monkeypatch):
    monkeypatch.setattr(signals, "LIMIT_S", 0.01)
    monkeypatch.setattr(signals, "SAVING_LIMIT_S", 0.2)
    asked = []
    with signals.cancelling(lambda: None, lambda: not asked.append(1)):
        signal.raise_signal(signal.SIGINT)
        assert exits() == [130]
    assert len(asked) >= 10


def test_leaving_restores_the_cursor(handlers, exits, monkeypatch):
    written = []
    with signals.cancelling(lambda: None, lambda: False), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True, fileno=lambda: 2))
        patch.setattr(os, "write", lambda *what: written.append(what))
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert exits() == [130]
    assert written == [(2, b"\x1b[?25h\n")]


@pytest.mark.slow
def test_a_full_pipe_does_not_keep_ctrl_c(tmp_path, server):
    """Nobody reads the report of ``--json``."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    cli = Cli(tmp_path)
    argv = ("say", "--json", "--device", "null", "--base-url", server.url, "Hello.")
    child = cli.popen(*argv, env=cli.environment(), stdout=writer)
    try:
        assert b"spoke" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(2.0) == 130
    finally:
        child.kill()
        child.communicate()
        os.close(reader)
        os.close(writer)


@pytest.mark.sound
@pytest.mark.parametrize("kind", ["pcm", "opus"])
def test_a_sound_server_that_hangs_does_not_keep_ctrl_c(tmp_path, server, kind):
    server.clips = clips_of(tone(8.0), formats=[kind])
    server.reply = Reply(headers=RATE if kind == "pcm" else {})
    argv = ("say", "--json", "--save", "a.wav", "--base-url", server.url, "--format", kind, "hi")

    def stop_s():
        with (
            SoundServer() as sound,
            Recorder(sound) as recorder,
            Cli(tmp_path, sound).start(*argv) as child,
        ):
            recorder.wait_for_sound(unless=child.exited)
            daemon = sound._processes[0]
            daemon.send_signal(signal.SIGSTOP)
            try:
                threading.Event().wait(0.5)  # until the child waits for it
                sent = child.signal(signal.SIGINT)
                done = child.finish(10.0)
            finally:
                daemon.send_signal(signal.SIGCONT)
        assert done.exit_code == 130, done
        if done.ended - sent > 1.0:  # a busy machine
            return done.ended - sent
        assert done.json["interrupted"] is True, done
        assert (tmp_path / "a.wav").exists()
        return done.ended - sent

    assert best_of(4, stop_s, good_enough=1.0) <= 1.0


@pytest.mark.sound
@pytest.mark.parametrize("command", ["devices", "doctor"])
def test_a_hanging_sound_server_does_not_keep_other_commands(tmp_path, command):
    def stop_s():
        with SoundServer() as sound:
            daemon = sound._processes[0]
            daemon.send_signal(signal.SIGSTOP)
            try:
                with Cli(tmp_path, sound).start(command) as child:
                    threading.Event().wait(3.0)  # until the child waits for it
                    assert not child.exited()
                    sent = child.signal(signal.SIGINT)
                    done = child.finish(10.0)
            finally:
                daemon.send_signal(signal.SIGCONT)
        assert done.exit_code in {130, -signal.SIGINT}
        return done.ended - sent

    assert best_of(3, stop_s, good_enough=0.5) <= 0.5


def test_ctrl_c_is_as_before_after_such_a_block(handlers):
    before = signal.getsignal(signal.SIGINT)
    with signals.exiting_on_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.exiting_on_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
