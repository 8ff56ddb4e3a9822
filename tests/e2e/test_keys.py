"""Keys and Ctrl-Z on a real terminal, under a program that controls jobs as a shell does."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.speech_server import Reply, clips_of
from tests.support.tones import tone

if TYPE_CHECKING:
    from tests.support.cli import Cli

SHELL = """
import fcntl, os, signal, sys, termios

os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.dup2(terminal, 2)
    os.execv(sys.executable, [sys.executable, "-m", "voicecli", *sys.argv[2:]])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(terminal, os.getpgrp())
    cooked = bool(termios.tcgetattr(terminal)[3] & termios.ICANON)
    os.write(3, b"stopped, line by line\\n" if cooked else b"stopped, single keys\\n")
    os.read(4, 10)  # until the test says fg
    os.tcsetpgrp(terminal, job)
    os.kill(job, signal.SIGCONT)
os.write(3, b"exit %d\\n" % os.waitstatus_to_exitcode(status))
"""


class Terminal:
    """A terminal with a command in its foreground; its text comes from a pipe."""

    def __init__(self, cli: Cli, *arguments: str):
        self.cli = cli
        self.keys, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        said, says = os.pipe()
        told, self.tells = os.pipe()
        self.said = os.fdopen(said, "rb", buffering=0)
        script = f"import os; os.dup2({says}, 3); os.dup2({told}, 4)\n{SHELL}"
        env = cli.environment(TERM="xterm")
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, os.ttyname(self.theirs), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, pass_fds=(says, told),
        )  # fmt: skip
        os.close(says)
        os.close(told)

    def press(self, keys: bytes) -> None:
        os.write(self.keys, keys)

    def read_line(self) -> str:
        assert select.select([self.said], [], [], 20)[0]
        return self.said.readline().decode().strip()

    def state(self) -> str | None:
        """Return the state that the command says of itself."""
        while select.select([self.keys], [], [], 0)[0]:
            os.read(self.keys, 4096)  # the progress line, for which there is room for 4 KiB
        speakers = self.cli.run("status", "--json").json["speakers"]
        return speakers[0]["state"] if speakers else None

    def wait_for(self, state: str) -> None:
        ends_at = time.monotonic() + 20
        while (found := self.state()) != state:
            assert time.monotonic() < ends_at, found
            time.sleep(0.05)

    def close(self) -> None:
        self.process.kill()
        with contextlib.suppress(OSError):
            self.cli.run("stop", "--all")
        self.process.communicate()
        self.said.close()
        for descriptor in (self.keys, self.theirs, self.tells):
            os.close(descriptor)


@pytest.fixture(params=["alone", "resident"])
def way(request, silent_cli):
    """Let the work be done by the command itself, and by a resident."""
    if request.param == "resident":
        silent_cli.run("resident", "start")
    yield
    silent_cli.run("resident", "stop")


@pytest.fixture
def terminal(way, silent_cli, speech):
    speech.clips = clips_of(tone(20.0), formats=["pcm"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    url = ("--base-url", speech.url, "--format", "pcm", "--device", "null")
    made = Terminal(silent_cli, "say", "--json", *url, "-")
    with contextlib.closing(made):
        made.process.stdin.write(b"A text from a pipe.")
        made.process.stdin.close()
        made.process.stdin = None
        made.wait_for("playing")
        yield made


def test_space_pauses_and_q_stops(terminal):
    terminal.press(b" ")
    terminal.wait_for("paused")
    terminal.press(b"x ")  # an unknown key does nothing
    terminal.wait_for("playing")
    terminal.press(b"q")
    assert terminal.read_line() == "exit 130"
    assert termios.tcgetattr(terminal.theirs) == terminal.before
    assert json.loads(terminal.process.stdout.read())["pauses"]["count"] == 1


def test_ctrl_z_and_fg(terminal):
    terminal.press(b"\x1a")
    assert terminal.read_line() == "stopped, line by line"
    os.write(terminal.tells, b"fg\n")
    terminal.wait_for("playing")
    terminal.press(b" ")
    terminal.wait_for("paused")
    terminal.press(b"\x03")
    assert terminal.read_line() == "exit 130"
    assert termios.tcgetattr(terminal.theirs) == terminal.before
