"""``voicecli config init`` and ``edit``: make the configuration file, and change it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from voicecli.cli.help import Command
from voicecli.cli.output import print_message, print_text
from voicecli.config.file import config_path, load_config
from voicecli.config.template import TEMPLATE
from voicecli.errors import ConfigError, SaveError
from voicecli.recording.audiofile import make_folder
from voicecli.recording.partfile import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INIT_EXAMPLES = """Examples:
  voicecli config init
  VOICECLI_CONFIG=./voicecli.toml voicecli config init
"""

EDIT_EXAMPLES = """Examples:
  voicecli config edit
  EDITOR="code --wait" voicecli config edit
"""

_EDITORS = ("sensible-editor", "nano", "vim", "vi")
"""Tried in this order if no variable names one."""

file_app = typer.Typer()


@file_app.command(cls=Command, epilog=INIT_EXAMPLES)
def init() -> None:
    """Write a file with every key, commented out.

    An existing file is left alone.
    """
    path = config_path(os.environ)
    if not _make(path):
        raise ConfigError(f"{path} exists already", remedy="`voicecli config edit` opens it")
    print_text(f"{path}\n")


@file_app.command(cls=Command, epilog=EDIT_EXAMPLES)
def edit() -> None:
    """Edit the configuration file, and check it.

    The editor is $VISUAL or $EDITOR. If there is no file, it is made as by
    `voicecli config init`.
    """
    path = config_path(os.environ)
    command = _editor()
    _make(path)
    try:
        status = subprocess.run([*command, str(path)], check=False, stderr=_stderr()).returncode  # noqa: S603  the user's editor
    except OSError as error:
        raise ConfigError(
            f"cannot start {command[0]}: {error.strerror or error}",
            remedy="export EDITOR=..., or open the file that `voicecli config path` prints",
        ) from error
    if status:
        raise ConfigError(f"{command[0]} ended with status {status}")
    load_config(path)
    print_message(f"{path} is in order")


def _make(path: Path) -> bool:
    """Write the template; return False if there is a file already.

    Raises:
        SaveError: it cannot be written.
    """
    make_folder(path.parent, 0o700)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        return False
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    with os.fdopen(file, "w", encoding="utf-8") as written:
        written.write(TEMPLATE)
    return True


def append_to_file(table: str, settings: Mapping[str, Any]) -> Path:
    """Append a table to the configuration file; create the file if there is none.

    Raises:
        SaveError: it cannot be written.
    """
    path = config_path(os.environ)
    make_folder(path.parent, 0o700)
    lines = [f"{key} = {_toml(value)}" for key, value in settings.items()]
    text = "\n".join(["", f"[{table}]", *lines, ""])
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(file, "a", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _toml(value: Any) -> str:
    """Return a string, a number, a boolean or a table of them as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def _editor() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        with suppress(ValueError):  # a quote that is not closed
            if command := shlex.split(os.environ.get(variable, "")):
                return command
    found = next((name for name in _EDITORS if shutil.which(name)), None)
    if found is None:
        raise ConfigError(
            "no editor was found",
            remedy="export EDITOR=..., or open the file that `voicecli config path` prints",
        )
    return [found]


def _stderr() -> int | None:
    """Return a descriptor of our standard error: descriptor 2 hides what libraries print."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None
