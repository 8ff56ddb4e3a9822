"""Runs the real command line as a user would: in its own process, in a clean house.

The environment has no key, no proxy, no colour, and private HOME and XDG
folders, so that neither the machine's configuration nor an earlier run has a say.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.sound_server import SoundServer

ROOT = Path(__file__).parents[2]

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Result:
    """A run that ended; times are monotonic seconds, ``started`` just before the fork."""

    exit_code: int
    stdout: str
    stderr: str
    started: float
    ended: float

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout.

        Raises:
            AssertionError: stdout holds anything else.
        """
        try:
            told = json.loads(self.stdout)
        except ValueError:
            told = None
        assert isinstance(told, dict), f"no JSON object on stdout:\n{self}"
        return told

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Running:
    """A run that goes on; signal it, then `finish` it."""

    def __init__(self, process: subprocess.Popen[bytes], started: float) -> None:
        self._process = process
        self.started = started

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def exited(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def signal(self, number: signal.Signals) -> float:
        """Send a signal; returns the monotonic moment just before."""
        now = time.monotonic()
        self._process.send_signal(number)
        return now

    def finish(self, timeout_s: float = 30.0) -> Result:
        """Wait for the end.

        Raises:
            AssertionError: it still ran after ``timeout_s``; says what it had printed.
        """
        try:
            out, err = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # faulthandler, where it is on, tells where
            out, err = self._process.communicate()
            said = f"{out.decode(errors='replace')}\n{err.decode(errors='replace')}"
            raise AssertionError(f"voicecli hung for {timeout_s:.0f} s:\n{said}") from None
        return Result(
            self._process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
            self.started,
            time.monotonic(),
        )


class Cli:
    """``voicecli`` in a house of its own below ``home``.

    ``sound`` is the sound server it plays on; None is a machine without one.
    ``coverage`` lets coverage measure the child, which slows it: not for timings.
    """

    def __init__(
        self, home: Path, sound: SoundServer | None = None, *, coverage: bool = True
    ) -> None:
        self.home = home
        self.sound = sound
        self.coverage = coverage

    def environment(self, **extra: str) -> dict[str, str]:
        """Everything the child sees; a PYTHONPATH in ``extra`` comes before the project."""
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if self.coverage:
            env |= {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}
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
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> Iterator[Running]:
        """Start a run; whatever happens in the block, the child does not outlive it."""
        full = self.environment(**(env or {}))
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "voicecli", *arguments],
            env=full,
            cwd=self.home,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            if stdin is not None:
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

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Result:
        """Run to the end.

        Raises:
            AssertionError: it did not end within ``timeout_s``.
        """
        with self.start(*arguments, env=env, stdin=stdin) as running:
            return running.finish(timeout_s)


def environment_without_sound(folder: Path) -> dict[str, str]:
    """Environment of a machine with PortAudio but without any sound device.

    ALSA must keep one definition: PortAudio aborts the process on an empty
    configuration.
    """
    config = folder / "no-sound.conf"
    config.write_text("pcm.!default { type pulse }\n")
    return {
        "ALSA_CONFIG_PATH": str(config),
        "PULSE_SERVER": f"unix:{folder}/no-such-socket",
        "PULSE_COOKIE": str(folder / "pulse-cookie"),
        "XDG_RUNTIME_DIR": str(folder),
    }
