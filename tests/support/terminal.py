"""A real terminal with a command in its foreground, under a program that controls jobs."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

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
    if typed:
        os.dup2(terminal, 0)
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
    """A terminal with ``voicecli`` in its foreground, whose standard input is a pipe.

    With ``typed``, its standard input is the terminal.

    `press` sends keys, `read_line` returns a line of the shell: the command was suspended, or
    ended. A line to ``to_shell`` brings it to the foreground again.
    """

    def __init__(self, cli: Cli, *arguments: str, typed: bool = False) -> None:
        self.cli = cli
        self.keys, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        from_shell, shell_out = os.pipe()
        shell_in, self.to_shell = os.pipe()
        self.from_shell = os.fdopen(from_shell, "rb", buffering=0)
        script = f"import os; os.dup2({shell_out}, 3); os.dup2({shell_in}, 4)\n"
        script += f"typed = {typed}\n{SHELL}"
        env = cli.environment(TERM="xterm")
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, os.ttyname(self.theirs), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, pass_fds=(shell_out, shell_in),
        )  # fmt: skip
        os.close(shell_out)
        os.close(shell_in)

    def press(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self.keys, keys)

    def read_line(self) -> str:
        """Return the next line of the shell."""
        assert select.select([self.from_shell], [], [], 20)[0]
        return self.from_shell.readline().decode().strip()

    def read_screen(self) -> str:
        """Return what was written to the terminal since the last time; there is room for 4 KiB."""
        found = b""
        while select.select([self.keys], [], [], 0)[0]:
            found += os.read(self.keys, 4096)
        return found.decode(errors="replace")

    def give_text(self, text: str) -> None:
        """Write the text to be spoken, and end it."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.close()
        self.process.stdin = None

    def state(self) -> str | None:
        """Return the state that the command reports; None once it has ended."""
        self.read_screen()
        speakers = self.cli.run("status", "--json").json["speakers"]
        return speakers[0]["state"] if speakers else None

    def wait_for(self, state: str) -> None:
        """Wait until the command is in a state."""
        ends_at = time.monotonic() + 20
        while (found := self.state()) != state:
            assert time.monotonic() < ends_at, found
            time.sleep(0.05)

    def close(self) -> None:
        """End the command and the terminal."""
        self.process.kill()
        with contextlib.suppress(OSError):
            self.cli.run("stop", "--all")
        self.process.communicate()
        self.from_shell.close()
        for descriptor in (self.keys, self.theirs, self.to_shell):
            os.close(descriptor)
