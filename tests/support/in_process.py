"""Run command lines in this process, with streams, variables and a home of their own."""

from __future__ import annotations

import io
import json
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from voicecli.cli.app import run
from voicecli.cli.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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

    ``env`` holds the variables that differ from this process's.
    """

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
        stdout, stderr = io.StringIO(), io.StringIO()
        variables = {**_without_settings(), **self.env, **(env or {})}
        if not isinstance(stdin, bytes):
            status = run(list(argv), Environment(stdin, stdout, stderr, variables))
        else:
            with tempfile.TemporaryFile("w+") as file:
                file.buffer.write(stdin)
                file.seek(0)
                status = run(list(argv), Environment(file, stdout, stderr, variables))
        return Result(status, stdout.getvalue(), stderr.getvalue())


def _without_settings() -> dict[str, str]:
    ours = ("VOICECLI_", "OPENAI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
