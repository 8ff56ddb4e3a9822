"""A forked command cannot be told from one that was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fork_server
from tests.support.cli import Cli


@pytest.mark.parametrize(
    "argv",
    [
        ("--version",),
        ("say", "--help"),
        ("say", "--no-such-option"),
        ("play", "missing.wav"),
        ("config", "path"),
        ("say", "--device", "null", "--base-url", "http://127.0.0.1:9/v1", "--retries", "0", "-"),
    ],
)
def test_output_and_exit_status_are_those_of_a_started_command(tmp_path, monkeypatch, argv) -> None:
    cli = Cli(tmp_path)
    forked = cli.run(*argv, stdin=b"Hello.")
    monkeypatch.setattr(fork_server, "can_fork", lambda _: False)
    started = cli.run(*argv, stdin=b"Hello.")
    assert (forked.exit_code, forked.stdout, forked.stderr) == (
        started.exit_code, started.stdout, started.stderr,
    )  # fmt: skip


def test_one_that_needs_another_interpreter_is_started(tmp_path) -> None:
    cli = Cli(tmp_path)
    assert fork_server.can_fork(cli.environment(HTTP_PROXY="http://127.0.0.1:9"))
    assert not fork_server.can_fork(cli.environment(PYTHONPATH="elsewhere"))
    assert not fork_server.can_fork(cli.environment(LC_ALL="C"))


def test_it_runs_in_the_home_folder(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    assert "this is text, not audio" in Cli(tmp_path).run("play", "notes.txt").stderr


def test_a_signal_is_its_exit_status_and_a_wait_may_time_out(tmp_path) -> None:
    cli = Cli(tmp_path)
    reader, writer = os.pipe()
    process = cli.popen("say", "--device", "null", env=cli.environment(), stdin=reader)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.01)
    assert process.poll() is None
    process.kill()
    assert process.communicate() == (b"", b"")
    assert process.returncode == -signal.SIGKILL
    os.close(reader)
    os.close(writer)


def test_many_at_once_have_outputs_and_ends_of_their_own(tmp_path) -> None:
    cli = Cli(tmp_path)
    env = cli.environment()
    names = [f"missing-{number}.wav" for number in range(6)]
    processes = [cli.popen("play", name, env=env) for name in names]
    for name, process in zip(reversed(names), reversed(processes), strict=True):
        _, error = process.communicate(timeout=30)
        assert name.encode() in error
        assert process.returncode != 0


def test_no_descriptor_is_left_open(tmp_path) -> None:
    cli = Cli(tmp_path)
    cli.run("--version")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert cli.run("--version").exit_code == 0
    # What earlier tests left may be collected meanwhile.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_importing_it_loads_nothing_of_voicecli() -> None:
    code = "import sys, tests.support.fork_server; sys.exit('voicecli' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
