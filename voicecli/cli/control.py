"""``voicecli stop``, ``pause``, ``resume``, ``skip``, ``back``, ``status``: from elsewhere."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from voicecli.cli import options
from voicecli.control import commands
from voicecli.control.runtime import RuntimeFolderError
from voicecli.errors import ConfigError

EXAMPLES = """Examples:
  voicecli stop              what is heard; the next in the queue begins
  voicecli stop --all        what is heard, and what waits
  voicecli pause --toggle    for a media key
  voicecli skip -n 2         the rest of this sentence, and the next one
  voicecli status --json     what is heard, by whom, how far, what waits
"""

Everyone: TypeAlias = Annotated[
    bool, typer.Option("--all", help="Everything that is spoken or waits, not only what is heard.")
]
Json: TypeAlias = Annotated[
    bool, options.output_option("--json", help="Print one JSON object on standard output.")
]
Count: TypeAlias = Annotated[
    int, typer.Option("-n", "--count", metavar="N", min=1, max=1000, help="How many sentences.")
]


def stop(everyone: Everyone = False, json_: Json = False) -> None:
    """Stop what is being spoken, from any terminal or program of yours.

    It ends with exit status 130. If nothing is being spoken, the exit status is 0 as well.
    """
    _give("stop", everyone=everyone, json_=json_)


def pause(
    everyone: Everyone = False,
    toggle: Annotated[
        bool, typer.Option("--toggle", help="Resume it if it is paused already.")
    ] = False,
    json_: Json = False,
) -> None:
    """Pause what is being spoken; `resume` goes on at the same sample.

    It keeps its turn: others that queue go on waiting.
    """
    _give("toggle" if toggle else "pause", everyone=everyone, json_=json_)


def resume(everyone: Everyone = False, json_: Json = False) -> None:
    """Go on with what was paused."""
    _give("resume", everyone=everyone, json_=json_)


def skip(everyone: Everyone = False, count: Count = 1, json_: Json = False) -> None:
    """Go on with the next sentence."""
    _give("skip", everyone=everyone, json_=json_, count=count)


def back(everyone: Everyone = False, count: Count = 1, json_: Json = False) -> None:
    """Speak this sentence again; near its start, the one before."""
    _give("back", everyone=everyone, json_=json_, count=count)


def status(
    everyone: Annotated[
        bool, typer.Option("--all", help="Accepted for symmetry: everything is listed anyway.")
    ] = False,
    json_: Json = False,
) -> None:
    """List what is heard, by whom, how far it is, and what waits."""
    _give("status", everyone=everyone, json_=json_)


def _give(command: str, *, everyone: bool, json_: bool, count: int = 1) -> None:
    try:
        commands.run(command, everyone=everyone, as_json=json_, count=count)
    except RuntimeFolderError as error:
        raise ConfigError(f"no control from elsewhere: {error}") from error
