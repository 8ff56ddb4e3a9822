"""Fit text to the width of a terminal, without breaking a word."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

_NARROWEST = 20
"""Columns below which nothing is fitted."""

_GAP = "  "

_CONTINUED = " \\"
"""What continues a command line on the next line, in a shell."""


def terminal_width(stream: TextIO | None) -> int | None:
    """Return the width of a stream's terminal in columns; None if it is not a terminal."""
    try:
        if stream is None or not stream.isatty():
            return None
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(stream.fileno())[0]
    except (OSError, ValueError):
        columns = 0
    return max(_NARROWEST, columns or shutil.get_terminal_size().columns)


def wrap(text: str, width: int | None, *, indent: str = _GAP) -> list[str]:
    """Return the lines of a text, those after the first indented.

    A word that is wider than the line, such as a path, gets a line of its own.
    """
    if width is None or len(text) <= width:
        return [text]
    import textwrap  # noqa: PLC0415  most lines fit

    wrapper = textwrap.TextWrapper(
        max(width, len(indent) + 1),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        expand_tabs=False,
    )
    return wrapper.wrap(text)


_DEFINITION = re.compile(r"( *\S(?:.*?\S)? {2,})(\S.*)")
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


def example(line: str, width: int) -> list[str]:
    """Wrap a line of examples, or a term and its meaning; return the lines.

    A command line is continued as a shell allows, and not within quotes.
    """
    if len(line) <= width:
        return [line]
    if definition := _DEFINITION.fullmatch(line):
        term, meaning = definition.groups()
        room = width - len(term)
        if room >= _NARROWEST:
            first, *rest = wrap(meaning, room, indent="")
            return [term + first, *(" " * len(term) + each for each in rest)]
        return [term.rstrip(), *(f"      {each}" for each in wrap(meaning, width - 6, indent=""))]
    lines, words = [], _WORD.findall(line)
    current = line[: len(line) - len(line.lstrip())] + words[0]
    for word in words[1:]:
        if len(current) + len(word) + len(_CONTINUED) + 1 > width:
            lines.append(current + _CONTINUED)
            current = f"    {word}"
        else:
            current += f" {word}"
    return [*lines, current]


def table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield rows of equally many cells, in aligned columns.

    If they are too wide, the last column is wrapped. A row that leaves too little room for
    that is one paragraph.
    """
    aligned = [*rows]
    widths, room = _widths(aligned, width)
    while room is not None and room < min(_NARROWEST, widths[-1]) and len(aligned) > 1:
        aligned.remove(max(aligned, key=lambda row: sum(map(len, row[:-1]))))
        widths, room = _widths(aligned, width)
    for row in rows:
        if row not in aligned:
            yield from wrap(_GAP.join(cell for cell in row if cell.strip()), width, indent="    ")
            continue
        head = "".join(
            cell.ljust(size) + _GAP for cell, size in zip(row, widths[:-1], strict=False)
        )
        first, *rest = wrap(row[-1].rstrip(), room, indent="")
        yield (head + first).rstrip()
        yield from (" " * len(head) + line for line in rest)


def _widths(rows: Sequence[Sequence[str]], width: int | None) -> tuple[list[int], int | None]:
    """Return the width of each column, and the room that all but the last leave to it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    taken = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    return widths, None if width is None else width - taken
