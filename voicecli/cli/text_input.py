"""The text to speak: from words of the command line, a file or a pipe, whatever is in them.

Programs write for terminals and editors for Windows, so colours go, and what begins
with a byte order mark is read as it says. What is no text at all is refused: a
megabyte of noise takes hours to speak, and costs what the server charges for it.
"""

from __future__ import annotations

import codecs
import re
import sys
from typing import TYPE_CHECKING

import typer

from voicecli.sanitize import without_escapes

if TYPE_CHECKING:
    from pathlib import Path

STDIN = "-"

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
"""Byte order marks (Unicode 16, section 23.8), and what follows them."""

_MOST_BYTES = 16 << 20
"""As much is read: a week of speech. What never ends would fill the memory."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Characters of Unicode's category Cc that are no white space."""


def spoken_text(words: list[str], file: Path | None) -> str:
    """The text to speak, without white space around it.

    Raises:
        typer.BadParameter: there is none, or more than one, or what there is is no text.
    """
    if file is not None and words:
        raise typer.BadParameter("give the text or --file, not both")
    if file is not None and str(file) != STDIN:
        text = _decoded(_read(file), str(file))
    elif words and words != [STDIN]:
        text = unicode_of(" ".join(words))
    elif words or file is not None or not (sys.stdin is None or sys.stdin.isatty()):
        text = _decoded(_piped(), STDIN)
    else:
        raise typer.BadParameter('nothing to say: give a text, as in voicecli say "Hello."')
    text = _CONTROLS.sub("", without_escapes(text)).strip()
    if not text:
        raise typer.BadParameter("nothing to say: the text is empty")
    return text


def unicode_of(argument: str) -> str:
    """An argument without what is no text: bytes that the locale could not decode."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror or error}") from error


def _piped() -> bytes:
    """What standard input holds, to its end."""
    if sys.stdin is None:
        raise typer.BadParameter("cannot read standard input: it is closed")
    try:
        return sys.stdin.buffer.read(_MOST_BYTES + 1)
    except OSError as error:
        why = error.strerror or error
        raise typer.BadParameter(f"cannot read standard input: {why}") from error


def _decoded(data: bytes, path: str) -> str:
    """Bytes as text: UTF-8, unless a mark says otherwise; a NUL tells what is neither."""
    name = "standard input" if path == STDIN else path
    if len(data) > _MOST_BYTES:
        raise typer.BadParameter(f"{name} holds more than {_MOST_BYTES >> 20} MB")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding, errors="replace")
    if b"\0" in data:
        raise typer.BadParameter(f"{name} is no text; if it is audio: voicecli play {path}")
    return data.decode("utf-8", errors="replace")
