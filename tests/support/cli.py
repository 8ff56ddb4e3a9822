"""Run the real command line as a user would: in a process and a clean home of its own.

The environment has no key, no proxy, no colour, and private HOME and XDG folders, so that
neither the machine's configuration nor an earlier run has any effect.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support import fork_server
from tests.support.fork_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.sound_server import SoundServer

_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run; times are monotonic seconds, ``started`` just before the fork."""

    exit_code: int
    stdout: str
    stderr: str
    started: float
    ended: float

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object on stdout.

        Raises:
            AssertionError: stdout is anything else.
        """
        try:
            data = json.loads(self.stdout)
        except ValueError:
            data = None
        assert isinstance(data, dict), f"no JSON object on stdout:\n{self}"
        return data

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Running:
    """A run in progress; signal it, then `finish` it."""

    def __init__(
        self, process: subprocess.Popen[bytes] | fork_server.Process, started: float
    ) -> None:
        self._process = process
        self.started = started

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def exited(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def signal(self, number: signal.Signals) -> float:
        """Send a signal; return the monotonic time just before."""
        now = time.monotonic()
        self._process.send_signal(number)
        return now

    def finish(self, timeout_s: float = 30.0) -> Result:
        """Wait for the end.

        Raises:
            AssertionError: it still ran after ``timeout_s``; the message has its output.
        """
        try:
            out, err = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # faulthandler prints where it hangs
            out, err = self._process.communicate()
            output = f"{out.decode(errors='replace')}\n{err.decode(errors='replace')}"
            raise AssertionError(f"voicecli hung for {timeout_s:.0f} s:\n{output}") from None
        return Result(
            self._process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
            self.started,
            time.monotonic(),
        )


class Cli:
    """``voicecli`` with the home folder ``home``.

    ``sound`` is the sound server it plays on; None is a machine without one.
    """

    def __init__(self, home: Path, sound: SoundServer | None = None) -> None:
        self.home = home
        self.sound = sound

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the child's environment; a PYTHONPATH in ``extra`` precedes the project."""
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        env |= {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "PYTHONFAULTHANDLER": "1",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "COLUMNS": "100",
        }
        if self.sound is not None:
            env = self.sound.environment(env)
        else:
            env |= environment_without_sound(self.home)
        extra["PYTHONPATH"] = os.pathsep.join([*filter(None, [extra.get("PYTHONPATH")]), str(ROOT)])
        return env | extra

    @contextlib.contextmanager
    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | int | None = None,
    ) -> Iterator[Running]:
        """Start a run, which ends with the block at the latest.

        ``stdin`` is what it reads, or a descriptor, which is closed here.
        """
        full = self.environment(**(env or {}))
        started = time.monotonic()
        process = self.popen(*arguments, env=full, stdin=_redirection(stdin))
        try:
            if isinstance(stdin, int):
                os.close(stdin)
            elif stdin is not None:
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(stdin)
                process.stdin.close()
                process.stdin = None
            yield Running(process, started)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def popen(
        self,
        *arguments: str,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes] | fork_server.Process:
        """Start a process, forked from one that has imported voicecli if that makes no difference.

        ``env`` is its whole environment.
        """
        if fork_server.can_fork(env):
            return fork_server.Process(
                arguments, env=env, cwd=self.home, stdin=stdin, stdout=stdout, stderr=stderr
            )
        return subprocess.Popen(
            [sys.executable, "-m", "voicecli", *arguments],
            env=env, cwd=self.home, stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Result:
        """Run to the end, and return the result.

        Raises:
            AssertionError: it did not end within ``timeout_s``.
        """
        with self.start(*arguments, env=env, stdin=stdin) as running:
            return running.finish(timeout_s)


def _redirection(stdin: bytes | int | None) -> int:
    """Return what `subprocess` is to do about standard input."""
    if stdin is None:
        return subprocess.DEVNULL
    return stdin if isinstance(stdin, int) else subprocess.PIPE


def environment_without_sound(folder: Path) -> dict[str, str]:
    """Return variables for a machine with PortAudio but without any sound device.

    ALSA must keep one definition: PortAudio aborts the process on an empty configuration.
    """
    config = folder / "no-sound.conf"
    config.write_text("pcm.!default { type pulse }\n")
    return {
        "ALSA_CONFIG_PATH": str(config),
        "PULSE_SERVER": f"unix:{folder}/no-such-socket",
        "PULSE_COOKIE": str(folder / "pulse-cookie"),
        "XDG_RUNTIME_DIR": str(folder),
    }
