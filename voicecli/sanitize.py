"""Text from elsewhere, made safe to show: what a server says must not drive the terminal.

An error message that a server controls can carry escape sequences that retitle
the window, hide what follows or fake a prompt, and bidirectional overrides that
reorder the line. None of it is text, so none of it is shown.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""
      (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]?                    # CSI: colours, cursor, screen
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c]*    # OSC, DCS, SOS, PM, APC strings
      (?:\x07|\x1b\\|\x9c)?                                   # ... to their terminator, if any
    | \x1b [ -/]* [0-~]?                                      # the two-character rest
    """,
    re.VERBOSE,
)
"""Escape sequences of ECMA-48 §5, in their 7-bit and 8-bit forms, cut-off ones included."""

_LOOKAHEAD = 8
"""How much longer than its limit a text may be before the rest is not even looked at."""


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls but tab and line feed, and what overrides the direction of writing (UAX #9)."""


def inert(text: str) -> str:
    """``text`` with ``?`` for each character that would steer a terminal; the rest as it is.

    For names of files, which may hold anything and must be recognised.
    """
    return _STEERING.sub("?", text)


def without_escapes(text: str) -> str:
    """``text`` without the escape sequences that a program wrote into it for a terminal."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def clean(text: str, limit: int = 300) -> str:
    """``text`` on one line, printable characters only, at most ``limit`` characters.

    Escape sequences go whole, runs of white space become one space, every other
    character that is not printable in Unicode's sense (controls, bidirectional
    overrides, lone surrogates, unassigned) is dropped. A cut is marked with ``…``.
    The work is bounded by ``limit``, not by the length of ``text``.
    """
    shown = _ESCAPES.sub("", text[: limit * _LOOKAHEAD])
    shown = " ".join("".join(c for c in shown if c.isprintable() or c.isspace()).split())
    whole = len(shown) <= limit and len(text) <= limit * _LOOKAHEAD
    return shown if whole else shown[: limit - 1].rstrip() + "…"
