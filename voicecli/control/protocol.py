"""Lines of JSON between a speaker and the programs that control it; see ``docs/control.md``.

Every request and every answer is one JSON object on one line of at most `MAX_LINE_BYTES`,
and carries ``"schema": "voicecli.control/1"``. Keys and commands are only ever added.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "voicecli.control/1"

MAX_LINE_BYTES = 8192

MAX_TEXT = 200
"""Most characters of any text in a request or an answer."""

COMMANDS = ("status", "stop", "pause", "resume", "toggle", "skip", "back")

COUNTED = ("skip", "back")
"""The commands that take a ``count``."""

MAX_COUNT = 1000


class ProtocolError(ValueError):
    """A line that is neither a request nor an answer; ``code`` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def encode(fields: dict[str, Any]) -> bytes:
    """Return a line of ASCII with the schema and these fields."""
    return json.dumps({"schema": SCHEMA, **fields}).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the object on a line.

    Raises:
        ProtocolError: it is too long, not a JSON object, or of another schema.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError("too_long", f"a line has at most {MAX_LINE_BYTES} bytes")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("malformed", "the line is not JSON") from None
    if not isinstance(found, dict):
        raise ProtocolError("malformed", "the line is not a JSON object")
    if found.get("schema") != SCHEMA:
        raise ProtocolError("schema", f"only {SCHEMA} is understood")
    return found


def failure(error: ProtocolError) -> bytes:
    """Return the answer to a line that is not a request."""
    return encode({"ok": False, "error": {"code": error.code, "message": str(error)}})


def text_of(fields: dict[str, Any], key: str) -> str:
    """Return a field that is a short text; empty if it is missing or anything else."""
    value = fields.get(key)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def count_of(fields: dict[str, Any]) -> int:
    """Return ``count``, 1 if it is missing.

    Raises:
        ProtocolError: it is not a number from 1 to `MAX_COUNT`.
    """
    value = fields.get("count", 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_COUNT:
        raise ProtocolError("malformed", f"count is a number from 1 to {MAX_COUNT}")
    return value
