"""Answers that are text where audio was due, made into one readable sentence.

A speech server that fails may still answer 200 and say why in JSON, a proxy in
between in HTML. Whatever they say reaches a terminal, so it is stripped and bounded.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from typing import Any

MAX_TEXT_BYTES = 4096
"""As much of such an answer is collected; what explains a fault comes early."""

_MAX_MESSAGE = 300
_MAX_DEPTH = 6

_UTF8_BOM = b"\xef\xbb\xbf"
_OPENING = re.compile(
    rb"[ \t\r\n]*(?:<!doctype[\s>]|<html[\s>]|<\?xml\s|\{\s*\"[a-z_]{2,20}\"\s*:)", re.IGNORECASE
)
"""What HTML, XML and an object of JSON begin with, and sound does not.

The least of it, a name of two letters, fixes 36 bits: one in 10¹⁰ loud raw streams
begins so, and no quiet one, for any of these signs as the upper byte of a sample makes
it louder than 8000.
"""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_SILENT = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_JSON_MESSAGE = re.compile(r'"(?:message|detail|error|msg)"\s*:\s*"((?:[^"\\]|\\.)+)')


def readable(data: bytes) -> str | None:
    """The bytes as text, None where they are none: invalid UTF-8 or control characters.

    Neither matters in what opens as HTML, XML or JSON: pages are in Latin-1 as well, and
    whoever quotes the output of a program quotes its escape sequences. A character cut
    by the end of ``data`` is left out.
    """
    data = data.removeprefix(_UTF8_BOM)
    if _OPENING.match(data):
        return codecs.utf_8_decode(data, "replace", False)[0]
    try:
        text, _ = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return None
    if all(char.isprintable() or char in "\t\r\n\u3000\xa0" for char in text):
        return text
    return None


def explain(text: str) -> str:
    """One sentence for a person: what kind of text came instead of audio, and its point."""
    stripped = text.strip()
    if stripped.startswith(("{", "[", '"')):
        kind, point = "JSON", _from_json(stripped)
    elif stripped.startswith("<"):
        is_html = "<html" in stripped.lower() or stripped.lower().startswith("<!doctype html")
        kind, point = "HTML" if is_html else "XML", _from_markup(stripped)
    else:
        kind, point = "text", stripped
    point = clean(point)
    return f"{kind} came instead of audio" + (f": {point}" if point else "")


def clean(text: str) -> str:
    """The text on one line, without control and formatting characters, at most 300 long."""
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join(visible.split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _from_json(text: str) -> str:
    """The message within an error's JSON; all of it where there is no such thing."""
    try:
        found = _message_in(json.loads(text, strict=False), _MAX_DEPTH)
    except (ValueError, RecursionError):
        match = _JSON_MESSAGE.search(text)  # cut short, or no JSON after all
        found = match.group(1) if match else None
    return found or text


def _message_in(value: Any, depth: int) -> str | None:
    """Look where OpenAI, FastAPI and their kind put it, innermost first."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        found = (_message_in(item, depth - 1) for item in value)
        return next((message for message in found if message), None)
    if isinstance(value, dict):
        for key in ("error", "detail", "message", "msg", "title", "error_description"):
            message = _message_in(value.get(key), depth - 1)
            if message:
                return message
    return None


def _from_markup(text: str) -> str:
    title = _TITLE.search(text)
    if title and title.group(1).strip():
        return title.group(1)
    return _TAG.sub(" ", _SILENT.sub(" ", text))
