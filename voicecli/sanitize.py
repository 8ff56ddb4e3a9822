"""Make untrusted text safe to print.

An error message from a server can carry escape sequences that retitle the
window, hide what follows or fake a prompt, and bidirectional overrides that
reorder the line. None of these reach a terminal.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""
      (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]?                    # CSI: colours, cursor, screen
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c]*    # OSC, DCS, SOS, PM, APC strings
      (?:\x07|\x1b\\|\x9c)?                                   # ... up to their terminator, if any
    | \x1b [ -/]* [0-~]?                                      # other two-character sequences
    """,
    re.VERBOSE,
)
"""Escape sequences of ECMA-48 §5, in 7-bit and 8-bit form, truncated ones included."""

CUT = "…"
"""Marks where `clean` has cut a text off."""

_SEVEN_BIT = (
    r"\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?"
)
"""The same in 7-bit form only, and the beginning of one that has not ended."""

_OPEN = r"(?:\x1b\[[0-?]*[ -/]*|\x1b[\]PX^_][^\x07\x1b\x9c]*\x1b?|\x1b[ -/]*)\Z"

_LOOKAHEAD = 8
"""Multiple of the length limit that is examined at most."""

_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,1000}?)</title", re.IGNORECASE | re.DOTALL)
"""A page's title. Its length is bounded: a page of nothing but ``<title>`` would take seconds."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters except tab and line feed, and bidirectional overrides (UAX #9)."""


def html_title(page: str) -> str:
    """Return the title of an HTML page as it is written, empty if there is none."""
    found = _TITLE.search(page)
    return found[1] if found else ""


def mask_controls(text: str) -> str:
    """Replace each character that would control a terminal with ``?``.

    Meant for file names, which must stay recognisable.
    """
    return _CONTROLS.sub("?", text)


def without_escapes(text: str) -> str:
    """Remove terminal escape sequences in 7-bit form, which is how programs write them."""
    return re.sub(_SEVEN_BIT, "", text) if "\x1b" in text else text


def divide_at_open_escape(text: str) -> tuple[str, str]:
    """Divide ``text`` before an escape sequence that may go on in more text."""
    found = re.search(_OPEN, text) if "\x1b" in text else None
    return (text[: found.start()], found[0]) if found else (text, "")


def clean(text: str, limit: int = 300) -> str:
    """Reduce ``text`` to one printable line of at most ``limit`` characters.

    Escape sequences are removed, each run of white space becomes one space, and
    every other character that Unicode considers unprintable (controls,
    bidirectional overrides, lone surrogates, unassigned) is dropped. A cut is
    marked with `CUT`. The work is bounded by ``limit``, not by the length of ``text``.
    """
    shown = _ESCAPES.sub("", text[: limit * _LOOKAHEAD])
    shown = " ".join("".join(c for c in shown if c.isprintable() or c.isspace()).split())
    whole = len(shown) <= limit and len(text) <= limit * _LOOKAHEAD
    return shown if whole else shown[: limit - 1].rstrip() + CUT
