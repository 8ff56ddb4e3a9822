#!/usr/bin/env python3
"""Speak what a coding agent has to say: a hook that reads the agent's JSON on stdin.

For Claude Code, in ``.claude/settings.json`` (the same for the event ``Stop``)::

    {"hooks": {"Notification": [{"hooks": [
        {"type": "command", "command": "python3 /path/to/examples/agent_hook.py"}]}]}}

For Codex, which passes its JSON as an argument, in ``~/.codex/config.toml``::

    notify = ["python3", "/path/to/examples/agent_hook.py"]

After a long command, its exit status is spoken::

    make; python3 examples/agent_hook.py $?

The message is read aloud in the background: the agent continues at once. A hook must not
disturb, so this one prints nothing and always succeeds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

KEYS = (
    "last_assistant_message",  # Claude Code, Stop
    "last-assistant-message",  # Codex
    "message",  # Claude Code, Notification
    "prompt_response",  # Gemini CLI, AfterAgent
    "text",  # Cursor, afterAgentResponse
)


def message_of(event: Any) -> str:
    """Return what there is to say in an agent's JSON; empty if nothing."""
    if not isinstance(event, dict):
        return ""
    for key in KEYS:
        if isinstance(event.get(key), str) and event[key].strip():
            return event[key]
    transcript = event.get("transcript_path")
    return last_answer(Path(transcript)) if isinstance(transcript, str) else ""


def last_answer(transcript: Path) -> str:
    """Return the agent's last words in a transcript: JSON lines, as Claude Code keeps them."""
    found = ""
    for line in transcript.read_text(encoding="utf-8", errors="replace").splitlines():
        entry = json.loads(line)
        if entry.get("type") == "assistant":
            parts = entry["message"]["content"]
            spoken = [part["text"] for part in parts if part.get("type") == "text"]
            found = "\n\n".join(spoken) or found
    return found


def text_to_speak(argument: str | None) -> str:
    """Return the text for an exit status, an agent's JSON, or what is on stdin."""
    if argument is not None and argument.isdecimal():
        return "Done." if argument == "0" else f"It failed with status {argument}."
    return message_of(json.loads(sys.stdin.read() if argument is None else argument))


def main() -> None:
    try:
        text = text_to_speak(sys.argv[1] if len(sys.argv) > 1 else None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return  # nothing that can be understood, so nothing is said
    try:
        speaker = subprocess.Popen(
            ["voicecli", "say", "-q", "--timeout", "5", "-"],  # noqa: S607  on the user's PATH
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the agent may end before the speech does
        )
        assert speaker.stdin is not None
        speaker.stdin.write(text.encode())
        speaker.stdin.close()
    except OSError:
        return  # voicecli is not installed


if __name__ == "__main__":
    main()
