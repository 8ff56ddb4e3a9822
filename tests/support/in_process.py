"""Run command lines in this process, with streams, variables and a home of their own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tests.support.fork_server import ROOT
from tests.support.resident import running_resident
from voicecli.cli.app import COMMANDS, prepare_command, run
from voicecli.cli.environment import Environment
from voicecli.control.resident.wire import SOCKET_NAME
from voicecli.control.runtime import runtime_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Result:
    """The exit status and output of a command line."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.stdout)

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class InProcessCli:
    """``voicecli`` without configuration, key or endpoint other than what a test sets.

    ``env`` holds the variables that differ from this process's. With VOICECLI_TEST_RESIDENT, a
    resident does what it can, unless ``is_here``: for a test that changes or signals this process.
    """

    is_here = False

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "config" / "voicecli" / "config.toml"
        self.env = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_RUNTIME_DIR": str(home),
            "HIBARI_HOME": str(home / "voices"),
            "COLUMNS": "100",
        }

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def run(
        self,
        *argv: str,
        stdin: bytes | TextIO | None = b"",
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Run one command line; ``stdin`` is its content, a stream, or None if closed."""
        variables = {**_without_settings(), **self.env, **(env or {})}
        is_served = argv[:1] in _SERVED and isinstance(stdin, bytes) and not self.is_here
        if not isinstance(stdin, bytes):
            return _run_here(argv, stdin, variables)
        with tempfile.TemporaryFile("w+") as file:
            file.buffer.write(stdin)
            file.seek(0)
            if os.environ.get("VOICECLI_TEST_RESIDENT") and is_served:
                return _run_by_resident(argv, file, variables)
            return _run_here(argv, file, variables)


def _run_here(argv: Sequence[str], stdin: TextIO | None, variables: dict[str, str]) -> Result:
    if argv and argv[0] in COMMANDS:
        prepare_command(argv[0])  # as a resident does: its parser takes as long as a short run
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(list(argv), Environment(stdin, stdout, stderr, variables))
    return Result(status, stdout.getvalue(), stderr.getvalue())


_SERVED = (("say",), ("play",))


@functools.cache
def _resident() -> Path:
    """Return the socket of a resident, which runs until this process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vcr"))
    found = {"XDG_RUNTIME_DIR": folder, "PYTHONPATH": str(ROOT)}
    stack.enter_context(running_resident(_without_settings() | found))
    return Path(folder) / "voicecli" / SOCKET_NAME


def _run_by_resident(argv: Sequence[str], stdin: TextIO, variables: dict[str, str]) -> Result:
    """Let the resident run it, with the runtime folder of the test's own."""
    path = Path(runtime_folder(variables)) / SOCKET_NAME
    if not path.is_symlink():
        path.symlink_to(_resident())
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", *argv],
        env=variables | {"PYTHONPATH": str(ROOT)},
        stdin=stdin,
        capture_output=True,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def _without_settings() -> dict[str, str]:
    ours = ("VOICECLI_", "OPENAI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
