"""A resident that cannot start or does not answer: what commands report, and what helps."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.resident import running_resident
from tests.support.speech_server import FOREVER, Reply, SpeechServer, clips_of
from tests.support.tones import tone
from voicecli.cli import resident as commands
from voicecli.control.resident import lock
from voicecli.control.resident.lock import LOCK_NAME
from voicecli.control.resident.wire import SOCKET_NAME
from voicecli.control.runtime import runtime_folder
from voicecli.errors import ConfigError


class Resident(Cli):
    """A command line with a runtime folder of its own."""

    def __init__(self, home, base):
        super().__init__(home)
        self.base = base
        self.folder = Path(runtime_folder({"XDG_RUNTIME_DIR": base}))

    def environment(self, **extra):
        return super().environment() | {"XDG_RUNTIME_DIR": self.base} | extra

    def status(self):
        return self.run("resident", "status", "--json").json


@pytest.fixture
def server():
    with SpeechServer(clips_of(tone(0.4), formats=["pcm"])) as speech:
        yield speech


@pytest.fixture
def cli(tmp_path):
    with tempfile.TemporaryDirectory(prefix="vcr") as base:
        yield Resident(tmp_path, base)


def make_folder(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("name", "make"),
    [(SOCKET_NAME, make_folder), (LOCK_NAME, make_folder), (LOCK_NAME, make_loop)],
)
def test_what_is_in_its_place_is_named(cli, name, make):
    make(path := cli.folder / name)
    done = cli.run("resident", "run")
    assert done.exit_code == 3, done
    assert f"there can be no resident: cannot use {path}: " in done.stderr
    assert f"remove {path}, or make its folder writable" in " ".join(done.stderr.split())


@pytest.fixture
def resident(cli):
    """A resident that answers."""
    with running_resident(cli.environment()) as process:
        wait_until(lambda: cli.status()["running"])
        yield process
        process.send_signal(signal.SIGCONT)
    cli.run("resident", "stop")  # one that the test has started


def wait_until(condition):
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_one_whose_socket_was_removed_is_named_and_ended(cli, resident, monkeypatch):
    (cli.folder / SOCKET_NAME).unlink()
    assert f"process {resident.pid}, does not answer" in cli.run("resident", "status").stderr
    assert cli.status() == {"running": False, "unreachable_pid": resident.pid}
    assert f"already running: process {resident.pid}" in cli.run("resident", "run").stderr

    monkeypatch.setattr(commands, "_START_S", 0.0)
    monkeypatch.setattr(commands, "start_in_background", lambda _: None)
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    with pytest.raises(ConfigError, match=f"process {resident.pid}, does not answer") as raised:
        commands.start()
    assert "resident restart" in raised.value.remedy
    started = []
    monkeypatch.setattr(commands, "start_in_background", started.append)
    commands.ensure_running()
    assert not started

    done = cli.run("resident", "stop")
    assert done.exit_code == 0
    assert f"ended the resident, process {resident.pid}" in done.stderr
    assert resident.wait(20) == 0
    assert "no resident is running" in cli.run("resident", "stop").stderr


def test_one_that_is_ended_before_it_answers_is_started_again(cli, monkeypatch):
    begin = commands.start_in_background
    begun = []

    def start_in_background(idle_min):
        begun.append(begin(idle_min))
        if len(begun) == 1:
            begun[0].terminate()
        return begun[-1]

    monkeypatch.setattr(commands, "start_in_background", start_in_background)
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    commands.start()
    assert len(begun) == 2
    assert cli.status()["pid"] == begun[1].pid
    assert cli.run("resident", "stop").exit_code == 0
    begun[1].wait(20)


def test_one_that_fails_is_not_waited_for(cli, monkeypatch):
    monkeypatch.setattr(commands, "start_in_background", lambda _: subprocess.Popen(["false"]))
    monkeypatch.setattr(commands, "_START_S", float("inf"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    with pytest.raises(ConfigError, match="has not started") as raised:
        commands.start()
    assert "resident run shows why" in raised.value.remedy


def test_where_none_runs_a_restart_is_a_start(cli):
    done = cli.run("resident", "restart")
    assert done.exit_code == 0
    assert done.stderr.startswith("voicecli: the resident is running")
    assert cli.status()["running"]
    assert cli.run("resident", "stop").exit_code == 0


def test_one_that_hangs_is_replaced(cli, resident):
    resident.send_signal(signal.SIGSTOP)
    assert cli.status() == {"running": False, "unreachable_pid": resident.pid}
    done = cli.run("resident", "restart")
    assert done.exit_code == 0, done
    assert resident.wait(20) == 0
    new = cli.status()
    assert new["running"]
    assert new["pid"] != resident.pid


def test_commands_under_way_do_not_keep_the_next_one_from_starting(cli, resident, server):
    server.reply = Reply(ttfb_s=FOREVER)
    with cli.start("say", "--base-url", server.url, "--device", "null", "Hello.") as run:
        wait_until(lambda: server.speech_requests)
        done = cli.run("resident", "restart")
        assert done.exit_code == 0, done
        assert cli.status()["pid"] != resident.pid
        assert not run.exited()
        run.signal(signal.SIGTERM)
        assert run.finish().exit_code == 130


def test_one_whose_socket_became_something_else_ends_in_order(cli, resident):
    (cli.folder / SOCKET_NAME).unlink()
    (cli.folder / SOCKET_NAME).mkdir()
    resident.terminate()
    assert resident.wait(20) == 0


def test_a_process_that_does_not_have_the_lock_is_never_signalled(cli):
    with subprocess.Popen(["sleep", "60"]) as other:
        (cli.folder / LOCK_NAME).write_text(str(other.pid))
        assert cli.status() == {"running": False}
        assert "no resident is running" in cli.run("resident", "stop").stderr
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("name", ["", "0", "1", "-1", "x", "12 34"])
def test_a_lock_without_a_name_is_of_nobody(cli, monkeypatch, name):
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    with (cli.folder / LOCK_NAME).open("w") as file:
        file.write(name)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock.holder() is None
        assert lock.take(str(cli.folder)) is None


def test_the_lock_names_this_process(cli, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    (cli.folder / LOCK_NAME).write_text("123456789")
    taken = lock.take(str(cli.folder))
    assert lock.holder() == os.getpid()
    os.close(taken)
    assert lock.holder() is None


def test_one_who_only_looks_at_the_lock_keeps_nobody_from_taking_it(cli, monkeypatch):
    looking = (cli.folder / LOCK_NAME).open("w")
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(lock.time, "sleep", lambda _: looking.close())
    taken = lock.take(str(cli.folder))
    assert taken is not None
    os.close(taken)


def test_a_lock_that_is_taken_is_not_kept_open(cli):
    with (cli.folder / LOCK_NAME).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        free = os.dup(file.fileno())
        os.close(free)
        assert lock.take(str(cli.folder)) is None
        assert os.dup(file.fileno()) == free
    os.close(free)


def test_a_pipe_in_place_of_the_lock_is_not_waited_for(cli, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", cli.base)
    os.mkfifo(cli.folder / LOCK_NAME)
    assert lock.holder() is None
