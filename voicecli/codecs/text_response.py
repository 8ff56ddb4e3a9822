"""Responses that are text instead of audio, summarised in one sentence.

A failing speech server may still answer 200 and explain itself in JSON, a proxy
in between in HTML. The text reaches a terminal, so it is sanitised and bounded.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from voicecli.sanitize import clean, html_title

MAX_TEXT_BYTES = 4096
"""Bytes of such a response that are collected; explanations come early."""

_MAX_DEPTH = 6

_UTF8_BOM = b"\xef\xbb\xbf"
_DETECT_BYTES = 4
_EVIDENCE_BYTES = 64
"""Only these first bytes decide whether it is UTF-16 or UTF-32, so that no split changes it."""

_WORDS = re.compile(
    r"(?:(?:[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-ZÀ-Þ]{2,}|[0-9]+)[ ,.:;'\"!?()/\r\n-]{1,2}){2,}"
    r"(?:[A-ZÀ-Þ]?[a-zß-ÿ]*|[A-ZÀ-Þ]+|[0-9]*)"
)
"""Three words or more in Latin letters: all that is certain without a mark. Quiet samples may
look like letters, but not like words with a space or two between them."""

_PAUSES = set(" ,.:;!?\u3001\u3002\uff0c\uff01\uff1a\uff1f")
"""Text in any script contains some of these; samples that look like its letters do not."""
_OPENING = re.compile(
    rb"[ \t\r\n]*(?:<!doctype[\s>]|<html[\s>]|<\?xml\s|\{\s*\"[a-z_]{2,20}\"\s*:)", re.IGNORECASE
)
"""How HTML, XML and a JSON object begin, and audio does not.

The shortest match, a key of two letters, fixes 36 bits: one in 10¹⁰ loud raw streams
begins so, and no quiet one, since any of these characters as the upper byte of a
sample makes it louder than 8000.
"""

_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")

_LAYOUT = "\t\r\n\u3000\xa0\x1b"
"""White space, and the escape character, with which some servers colour their messages."""

_JSON_START = re.compile(
    r'\{|\[\s*(?:[\]\[{"]|-?\d[\d.eE+-]*\s*(?:[,\]]|\Z)|true|false|null|\Z)'
    r'|"(?:[^"\\]|\\.)*(?:"\Z|\\?\Z)',
    re.DOTALL,
)
"""How JSON begins. A line of settings or of lyrics may begin with a bracket, a story with
a quote."""

_INVISIBLE = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_ENCODED = re.compile(r'"(\w{1,40})"\s*:\s*"(?:[\w+/=-]|\\[/rn]){400}', re.ASCII)
"""The name of a value in base64 or hexadecimal, too long for a word, a key or a signature."""

_ERROR = re.compile(r'"(?:error|detail)"\s*:\s*["\[{]')

_SPEECH_EVENT = '"speech.audio.delta"'

_OTHER_API = "that is another API; --base-url needs one with OpenAI's /audio/speech"

_JSON_MESSAGE = re.compile(r'"(?:message|detail|error|msg)"\s*:\s*"((?:[^"\\]|\\.)+)')


def readable(data: bytes) -> str | None:
    """Return the bytes as text, or None if they are not text.

    Text is UTF-8 without control characters but ESC. Anything that opens as HTML, XML or
    JSON is text regardless: pages may be in Latin-1, and error messages may quote
    escape sequences. UTF-16 and UTF-32 need such an opening, words in Latin letters, or a
    byte order mark and characters of a text. A character cut by the end of ``data`` is dropped.
    """
    data = _from_wide(data) or data.removeprefix(_UTF8_BOM)
    if _OPENING.match(data):
        return codecs.utf_8_decode(data, "replace", False)[0]
    try:
        text, _ = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return None
    if all(char.isprintable() or char in _LAYOUT for char in text):
        return text
    return None


def looks_like_text(data: bytes) -> bool:
    """Tell whether the first bytes look like text in an encoding of one or two bytes a character.

    They have white space and no control characters, as one in 1,000 beginnings of compressed
    audio may have. So this only explains what is not recognised otherwise.
    """
    return not _NO_TEXT.search(data[:MAX_TEXT_BYTES]) and len(data.split(maxsplit=1)) > 1


def may_be_wide(head: bytes) -> bool:
    """Tell whether text in UTF-16 or UTF-32 may begin so, as far as the first bytes tell."""
    is_wide = not json.detect_encoding(head).startswith("utf-8")
    return len(head) < _DETECT_BYTES or (is_wide and any(head[:_DETECT_BYTES]))


def _from_wide(data: bytes) -> bytes | None:
    """Return UTF-16 or UTF-32 as UTF-8, or None if it is neither, or not certainly."""
    encoding = json.detect_encoding(data[:_DETECT_BYTES])  # by its mark or its NULs
    if encoding.startswith("utf-8"):
        return None
    try:
        head = codecs.getincrementaldecoder(encoding)().decode(data[:_EVIDENCE_BYTES])
    except UnicodeDecodeError:
        return None
    head = head.removeprefix("\ufeff")
    is_marked = not encoding.endswith(("-le", "-be"))
    is_text = _is_text(head) if is_marked else _has_words(head)
    if not is_text and not _OPENING.match(head.encode()):
        return None
    return data.decode(encoding, "ignore").removeprefix("\ufeff").encode()


def _has_words(head: str) -> bool:
    """Tell whether all characters are words of Latin letters with spaces between them."""
    is_separated = head.count(" ") > 1 and 2 * sum(map(str.isalpha, head)) >= len(head)
    return is_separated and _WORDS.fullmatch(head) is not None


def _is_text(head: str) -> bool:
    """Tell whether characters behind a byte order mark are those of a text."""
    if 2 * sum(map(str.isascii, head)) >= len(head) > 0:
        return True
    letters = sum(map(str.isalpha, head))
    is_legible = all(char.isprintable() or char in _LAYOUT for char in head)
    return is_legible and 2 * letters >= len(head) and not _PAUSES.isdisjoint(head)


def kind_of_text(text: str) -> str:
    """Return what kind of text this is: JSON, HTML, XML or just text."""
    stripped = text.strip()
    if _JSON_START.match(stripped):
        return "JSON"
    if stripped.startswith("<"):
        is_html = "<html" in stripped.lower() or stripped.lower().startswith("<!doctype html")
        return "HTML" if is_html else "XML"
    return "text"


def explain(text: str) -> str:
    """Say in one sentence what kind of text was received, and its main point."""
    stripped, kind = text.strip(), kind_of_text(text)
    if _SPEECH_EVENT in stripped:
        return "received speech in events, which are not labelled as text/event-stream"
    if name := _name_of_encoded(stripped):
        return f'received {kind} with encoded data in "{name}" instead of audio'
    readers = {"JSON": _from_json, "HTML": _from_markup, "XML": _from_markup}
    point = clean(readers[kind](stripped) if kind in readers else stripped)
    return f"received {kind} instead of audio" + (f": {point}" if point else "")


def remedy_for(text: str) -> str | None:
    """Return what to do about a text that was received, if anything."""
    is_other = _name_of_encoded(text) and _SPEECH_EVENT not in text
    return _OTHER_API if is_other else None


def _name_of_encoded(text: str) -> str | None:
    """Return the name of encoded data in JSON that does not report an error."""
    encoded = _ENCODED.search(text)
    return encoded[1] if encoded and not _ERROR.search(text) else None


def _from_json(text: str) -> str:
    """Return the message within an error's JSON, or all of it if there is none."""
    try:
        found = _message_in(json.loads(text, strict=False), _MAX_DEPTH)
    except (ValueError, RecursionError):
        match = _JSON_MESSAGE.search(text)  # cut short, or not JSON after all
        found = match.group(1) if match else None
    return found or text


def _message_in(value: Any, depth: int) -> str | None:
    """Look where OpenAI, FastAPI and similar servers put it, innermost first."""
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
    title = html_title(text)
    if title.strip():
        return title
    return _TAG.sub(" ", _INVISIBLE.sub(" ", text))
