"""Read the text to speak from arguments, a file or a pipe.

Programs write for terminals and Windows editors add byte order marks, so escape
sequences are removed and the mark selects the encoding. Binary data is rejected:
a megabyte of noise takes hours to speak and costs what the server charges.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import sys
from pathlib import Path

import typer

from voicecli.sanitize import without_escapes

STDIN = "-"

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
"""Byte order marks and their encodings (Unicode 16, section 23.8)."""

_MAX_BYTES = 16 << 20
"""Upper bound on the text, about a week of speech; an endless pipe would fill the memory."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Characters of Unicode category Cc that are not white space."""


def read_text(words: list[str], file: Path | None) -> str:
    """Return the text to speak, stripped.

    Raises:
        typer.BadParameter: there is no text, more than one source, or binary data.
    """
    if file is not None and words:
        raise typer.BadParameter("give the text or --file, not both")
    is_piped = not words and sys.stdin is not None and not sys.stdin.isatty()
    if file is not None:
        text = read_file(str(file))
    elif is_piped or words == [STDIN]:
        text = read_file(STDIN)
    elif words:
        text = as_unicode(" ".join(words))
    else:
        raise typer.BadParameter('nothing to say: give a text, as in voicecli say "Hello."')
    text = _CONTROLS.sub("", without_escapes(text)).strip()
    if not text:
        raise typer.BadParameter("nothing to say: the text is empty")
    return text


def as_unicode(argument: str) -> str:
    """Replace the bytes of an argument that the locale could not decode."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_file(path: str) -> str:
    """Read a text file, or standard input if ``path`` is ``-``: UTF-8, or by its mark.

    Raises:
        typer.BadParameter: it cannot be read, is too long, or has a NUL, so is binary.
    """
    name = "standard input" if path == STDIN else path
    if path == STDIN and sys.stdin is None:
        raise typer.BadParameter("cannot read standard input: it is closed")
    try:
        with contextlib.ExitStack() as stack:
            file = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {name}: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise typer.BadParameter(f"{name} is longer than {_MAX_BYTES >> 20} MB")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding, errors="replace")
    if b"\0" in data:
        raise typer.BadParameter(f"{name} is not text; if it is audio: voicecli play {path}")
    return data.decode("utf-8", errors="replace")
