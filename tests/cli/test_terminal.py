"""A new user's path, on a terminal: no command breaks a word."""

from __future__ import annotations

import os
import pty
import re
import struct
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from tests.support.cli import Cli

pytestmark = pytest.mark.slow

COMMANDS = {
    "no command": ["Hello"],
    "say": ["say", "--device", "null", "-v", "Hello there, this is a sentence of some length."],
    "save": ["say", "--no-play", "--save", "hello.wav", "Hello."],
    "no folder": ["say", "--save", "no/such/folder/hello.wav", "Hello."],
    "usage": ["say", "--format", "opus", "--volume", "loud", "Hello."],
    "no server": ["say", "--base-url", "http://localhost:1/v1", "Hello."],
    "voices": ["voices"],
    "doctor": ["doctor", "--device", "null"],
    "config": ["config", "show"],
    "bench": ["bench", "--simulate", "--runs", "1", "--warmup", "0"],
}
_ERASED = re.compile(r".*(?:\x1b\[2K|\r(?!\n))")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def shown(home, columns, argv):
    """What a terminal of so many columns shows in the end, line by line."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    cli = Cli(home)
    env = cli.environment(TERM="xterm")
    del env["COLUMNS"]
    child = cli.popen(*argv, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    data = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the other side has gone
            piece = b""
        if not piece:
            break
        data += piece
    os.close(ours)
    child.wait(60)
    lines = data.decode().replace("\r\n", "\n").split("\n")
    return [_STYLE.sub("", _ERASED.sub("", line)) for line in lines]


@pytest.mark.parametrize(
    ("name", "columns"), [*((name, 60) for name in COMMANDS), ("say", 80), ("bench", 80)]
)
def test_no_line_is_wider_than_the_terminal(tmp_path, name, columns):
    lines = shown(tmp_path, columns, COMMANDS[name])
    assert any(lines)
    # What has no space in it, such as a path, cannot be made to fit.
    assert [line for line in lines if len(line) > columns and " " in line.strip()] == []
