"""Keys from a terminal, which is always left as it was found."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from voicecli.control.keys import TerminalKeys, split_keys

CHILD = """
import fcntl, os, select, signal, sys, termios, time
from voicecli.control.keys import TerminalKeys

os.setsid()
signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell's background job ignores it
fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)

def say(*words):
    print(*words, flush=True)

def press(key):
    if key != "x":  # fills a pasted text
        say(key.strip() or "space")

with TerminalKeys(press, pause=lambda: say("pause"), resume=lambda: say("resume")):
    say("ready")
    if "crash" in sys.argv:
        raise ValueError
    while not select.select([0], [], [], 0.02)[0]:
        pass  # Python handles signals between calls
say("done")
"""


class Terminal:
    """A terminal, and a process in its foreground that reads keys."""

    def __init__(self, *arguments):
        self.ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, os.ttyname(self.theirs), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # `select` must see what is not read yet
        )

    def read_line(self):
        assert select.select([self.process.stdout], [], [], 10)[0], "nothing was said"
        return self.process.stdout.readline().decode().strip()

    def press(self, keys: bytes):
        os.write(self.ours, keys)

    @property
    def is_line_by_line(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ICANON)

    @property
    def is_as_found(self):
        return termios.tcgetattr(self.theirs) == self.before

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(request):
    made = Terminal(*getattr(request, "param", ()))
    with contextlib.closing(made):
        assert made.read_line() == "ready"
        yield made


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b" q", [" ", "q"]),
        (b"\x1b[C\x1b[D \x1bOC", ["right", "left", " ", "right"]),
        (b"\x1b[15~", []),
        (b"\x1b", []),
        (b"\x1b[A q", [" ", "q"]),  # up; what follows counts
        (b"\x1b[1;5C\x1bOP\x1b[3~ ", [" "]),
        (b"\x1b\x1b[Cq", ["right", "q"]),
        (b"\x1bxq", ["q"]),  # Alt-x
        (b" \x1b[1;", [" "]),
        (b"\xc3", ["\ufffd"]),
        (b"\r\n\tq", ["q"]),  # a key's name fits in a line
    ],
)
def test_what_a_terminal_sends_is_split_into_keys(data, names):
    assert list(split_keys(data)) == names


def test_every_key_is_passed_on_by_its_name(terminal):
    assert not terminal.is_line_by_line
    terminal.press(b"z\x1b[C q")
    assert [terminal.read_line() for _ in range(4)] == ["z", "right", "space", "q"]


def test_an_arrow_that_comes_in_pieces_is_one_key(terminal):
    for part in (b"\x1b", b"[", b"C"):
        terminal.press(part)
        time.sleep(0.005)
    terminal.press(b"q")
    assert [terminal.read_line() for _ in range(2)] == ["right", "q"]


@pytest.mark.parametrize("offset", range(62, 65))
def test_an_arrow_in_pasted_text_is_one_key_wherever_it_is(terminal, offset):
    terminal.press(b"x" * offset + b"\x1b[C" + b"x" * 2000 + b"q")
    assert [terminal.read_line() for _ in range(2)] == ["right", "q"]


def test_the_terminal_is_as_it_was_in_the_end(terminal):
    terminal.process.stdin.close()
    assert terminal.read_line() == "done"
    assert terminal.is_as_found


@pytest.mark.parametrize("terminal", [("crash",)], indirect=True)
def test_the_terminal_is_as_it_was_after_a_crash(terminal):
    assert terminal.process.wait(10) == 1
    assert terminal.is_as_found


def test_ctrl_backslash_ends_it_and_gives_the_terminal_back(terminal):
    terminal.press(b"\x1c")
    assert terminal.process.wait(10) == -signal.SIGQUIT
    assert terminal.is_as_found


def test_ctrl_z_pauses_and_gives_the_terminal_back(terminal):
    """Its process group is orphaned here, so the system does not stop it at all."""
    terminal.process.send_signal(signal.SIGTSTP)
    assert [terminal.read_line(), terminal.read_line()] == ["pause", "resume"]
    terminal.press(b"q")
    assert terminal.read_line() == "q"


def test_a_stop_that_cannot_be_handled_is_survived(terminal):
    terminal.process.send_signal(signal.SIGSTOP)
    termios.tcsetattr(terminal.theirs, termios.TCSANOW, terminal.before)  # as a shell does
    terminal.process.send_signal(signal.SIGCONT)
    ends_at = time.monotonic() + 5
    while terminal.is_line_by_line and time.monotonic() < ends_at:
        time.sleep(0.01)
    terminal.press(b"q")
    assert terminal.read_line() == "q"
    terminal.process.stdin.close()
    assert terminal.read_line() == "done"
    assert terminal.is_as_found


def test_without_a_terminal_nothing_happens(tmp_path):
    path = str(tmp_path / "no-terminal")
    with TerminalKeys(str, pause=list, resume=list, path=path) as keys:
        keys.restore()


def test_a_terminal_that_is_not_ours_is_left_alone():
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    try:
        with TerminalKeys(str, pause=list, resume=list, path=os.ttyname(theirs)):
            assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)
