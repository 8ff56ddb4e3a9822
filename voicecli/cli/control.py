"""``voicecli stop``, ``pause``, ``resume``, ``skip``, ``back`` and ``status``."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from voicecli.cli import options
from voicecli.control import commands
from voicecli.control.runtime import RuntimeFolderError
from voicecli.errors import ConfigError

EXAMPLES = """Examples:
  voicecli stop              the current voice; the next in the queue begins
  voicecli stop --all        all voices, those in the queue too
  voicecli pause --toggle    for a media key
  voicecli resume --all      goes on where it was paused
  voicecli back              this sentence again; with -n 2 also the one before
  voicecli skip -n 2         the rest of this sentence and the next one
  voicecli status --json     who speaks, how far it is, and who waits
"""

Everyone: TypeAlias = Annotated[
    bool, typer.Option("--all", help="All voices, those that wait included.")
]
Count: TypeAlias = Annotated[
    int, typer.Option("-n", "--count", metavar="N", min=1, max=1000, help="Number of sentences.")
]


def stop(everyone: Everyone = False, json_: options.JsonObject = False) -> None:
    """Stop what is being spoken, from any terminal or program of yours.

    The stopped command exits with 130. This one exits with 0 even if nothing was being
    spoken.
    """
    _give("stop", everyone=everyone, json_=json_)


def pause(
    everyone: Everyone = False,
    toggle: Annotated[
        bool, typer.Option("--toggle", help="Resume it if it is paused already.")
    ] = False,
    json_: options.JsonObject = False,
) -> None:
    """Pause what is being spoken; `resume` continues at the same sample.

    It keeps its turn: voices in the queue keep waiting.
    """
    _give("toggle" if toggle else "pause", everyone=everyone, json_=json_)


def resume(everyone: Everyone = False, json_: options.JsonObject = False) -> None:
    """Resume what was paused."""
    _give("resume", everyone=everyone, json_=json_)


def skip(everyone: Everyone = False, count: Count = 1, json_: options.JsonObject = False) -> None:
    """Skip to the next sentence."""
    _give("skip", everyone=everyone, json_=json_, count=count)


def back(everyone: Everyone = False, count: Count = 1, json_: options.JsonObject = False) -> None:
    """Repeat the current sentence; near its start, go back to the one before."""
    _give("back", everyone=everyone, json_=json_, count=count)


def status(
    everyone: Annotated[
        bool, typer.Option("--all", help="Accepted for symmetry: everything is listed anyway.")
    ] = False,
    json_: options.JsonObject = False,
) -> None:
    """List who speaks, how far it is, and who waits."""
    _give("status", everyone=everyone, json_=json_)


def _give(command: str, *, everyone: bool, json_: bool, count: int = 1) -> None:
    try:
        commands.run(command, everyone=everyone, as_json=json_, count=count)
    except RuntimeFolderError as error:
        raise ConfigError(f"voices cannot be controlled here: {error}") from error
