"""``voicecli stop``, ``pause`` and the other commands for what is being spoken.

Imports the standard library only, and little of it: see `voicecli.control.client`.
"""

from __future__ import annotations

import contextlib
import os
import sys

from voicecli.control.client import ask, choose, speakers
from voicecli.control.protocol import COMMANDS, COUNTED, MAX_COUNT, SCHEMA
from voicecli.control.runtime import runtime_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parse(argv: list[str]) -> dict[str, Any] | None:
    """Return the arguments of `run` for a command line; None leaves it to the full one."""
    name, words = argv[0], iter(argv[1:])
    if name not in COMMANDS or name == "toggle":
        return None
    found: dict[str, Any] = {"command": name}
    for word in words:
        if word == "--all":
            found["everyone"] = True
        elif word == "--json":
            found["as_json"] = True
        elif word == "--toggle" and name == "pause":
            found["command"] = "toggle"
        elif word in ("-n", "--count") and name in COUNTED:
            value = next(words, "")
            if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= MAX_COUNT):
                return None
            found["count"] = int(value)
        else:
            return None
    return found


def run(command: str, *, everyone: bool = False, as_json: bool = False, count: int = 1) -> None:
    """Send a command as `send` does, and print the result.

    Raises:
        RuntimeFolderError: there can be no speakers here.
    """
    found = send(command, everyone=everyone, count=count)
    if as_json:
        import json  # noqa: PLC0415  loaded by now

        _print(json.dumps({"schema": SCHEMA, "command": command, "speakers": found}))
    elif not found:
        _print("voicecli: nothing is being spoken", sys.stderr)
    elif any(speaker.get("limited") for speaker in found):
        _print("voicecli: that is as far back as sound is kept", sys.stderr)
    elif command == "status":
        for speaker in found:
            _print(describe(speaker))


def send(command: str, *, everyone: bool = False, count: int = 1) -> list[dict[str, Any]]:
    """Send a command to the current speaker, or to ``everyone``; return their status.

    If nothing is being spoken, that is not an error. ``status`` always goes to all.

    Raises:
        RuntimeFolderError: there can be no speakers here.
    """
    found = speakers(runtime_folder())
    if command == "status":
        return [*found.values()]
    chosen = choose(found)
    # Those that wait come first, so that none of them begins when the current one stops.
    paths = [*reversed(found)] if everyone else [chosen] if chosen is not None else []
    return [_send(path, command, count) or found[path] for path in paths]


def _send(path: str, command: str, count: int) -> dict[str, Any] | None:
    by = f"voicecli {command} (process {os.getpid()})"
    answer = ask(path, command, count=count, by=by)
    speaker = answer.get("speaker") if answer else None
    if not isinstance(speaker, dict):
        return None
    return {**speaker, "limited": True} if answer and answer.get("limited") is True else speaker


def describe(speaker: dict[str, Any]) -> str:
    """Describe a speaker in one line for people."""
    from voicecli.sanitize import clean  # noqa: PLC0415  compiles regular expressions

    sentences = speaker.get("sentences")
    if not isinstance(sentences, dict):
        sentences = {}
    who = [speaker.get("command"), f"process {speaker.get('pid')}"]
    parts = [f"{speaker.get('state')}: " + ", ".join(str(each) for each in who if each)]
    if speaker.get("started_by"):
        parts[0] += f" from {speaker['started_by']}"
    if heard_s := _seconds(speaker, "heard_s"):
        parts.append(f"{heard_s:.1f} s heard, {_seconds(speaker, 'buffered_s'):.1f} s ahead")
    if sentences.get("known"):
        of = "" if sentences.get("all") else " so far"
        parts.append(f"{sentences.get('heard')} of {sentences['known']} sentences{of}")
    if speaker.get("text"):
        parts.append(str(speaker["text"]))
    return clean(" · ".join(parts))


def _seconds(speaker: dict[str, Any], key: str) -> float:
    """Return a number of a speaker's status; 0 if it is missing or anything else."""
    value = speaker.get(key)
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def _print(line: str, file: Any = None) -> None:
    with contextlib.suppress(OSError):  # a closed stream
        print(line, file=file or sys.stdout, flush=True)
