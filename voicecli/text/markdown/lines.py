"""Classify lines: the decisions about block structure that streaming needs."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from voicecli.text.markdown.blocks import parsed
from voicecli.text.patterns import lazy_pattern

MAX_LINE = 300
"""Number of characters of a line that are examined to classify it."""

_PLAIN_STARTS = "\"'“”‘’«»„‚(¿¡$€£¥@%/…—–"
_FENCE = lazy_pattern(r" {0,3}(`{3,}|~{3,})")
_DELIMITER_ROW = lazy_pattern(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t\r]*")
_DEFINITION = lazy_pattern(r"\[[^\]\n]{0,200}(?:\](?P<after>.)?)?", re.DOTALL)


class Kind(Enum):
    """What a line begins; `OPEN` means that more of it is needed to tell."""

    OPEN = auto()
    PARAGRAPH = auto()
    BLOCK = auto()


class Next(Enum):
    """How a line relates to the paragraph above it."""

    CONTINUES = auto()
    UNDERLINES = auto()
    ENDS = auto()


def kind_of_line(text: str, at: int, *, final: bool) -> Kind:
    """Return what begins at ``at``, the start of a line that is not blank."""
    rest = text[at : at + MAX_LINE]
    inner = rest.lstrip(" \t")
    if not inner:
        return Kind.PARAGRAPH if final or len(rest) == MAX_LINE else Kind.OPEN
    indent = rest[: len(rest) - len(inner)]
    if len(indent) > 3 or "\t" in indent:  # noqa: PLR2004  CommonMark 4.4
        return Kind.BLOCK
    first = inner[0]
    if first.isalpha() or first in _PLAIN_STARTS:
        return Kind.PARAGRAPH
    is_cut = len(rest) < MAX_LINE and not final
    return _kind_of_mark(first, inner, is_cut=is_cut)


def _kind_of_mark(first: str, inner: str, *, is_cut: bool) -> Kind:
    """Classify a line whose first character may be a mark; ``is_cut`` if it is incomplete."""
    if first == "[":
        return _kind_of_bracket(inner, is_cut=is_cut)
    run = re.match(r"\d{1,10}" if first.isdecimal() else re.escape(first) + "+", inner)
    if run is None:
        return Kind.PARAGRAPH
    after = inner[run.end() : run.end() + 2]
    is_number = first.isdecimal()
    if is_cut and (not after or (is_number and len(after) == 1 and after in ".)")):
        return Kind.OPEN
    if is_number:
        is_item = after[:1] in (".", ")") and after[1:2] in ("", " ", "\t", "\r", "\n")
        return Kind.BLOCK if is_item and len(run[0]) < 10 else Kind.PARAGRAPH  # noqa: PLR2004
    spaced = after[:1] in ("", " ", "\t", "\r", "\n")
    blocks = {
        ">": True, "|": True, "<": True, "=": spaced, "#": spaced and len(run[0]) < 7,  # noqa: PLR2004
        "`": len(run[0]) > 2, "~": len(run[0]) > 2, "*": spaced, "_": spaced,  # noqa: PLR2004
        "-": spaced or after[:1] == "|", "+": spaced,
    }  # fmt: skip
    return Kind.BLOCK if blocks.get(first, False) else Kind.PARAGRAPH


def _kind_of_bracket(inner: str, *, is_cut: bool) -> Kind:
    match = _DEFINITION.match(inner)
    assert match is not None
    if match["after"] == ":":
        return Kind.BLOCK
    return Kind.OPEN if match.end() == len(inner) and is_cut else Kind.PARAGRAPH


def starts_plainly(text: str, at: int) -> bool:
    """Whether a line with its first character at ``at`` must continue a paragraph above."""
    return text[at].isalpha() or text[at] in _PLAIN_STARTS


def next_line(line: str) -> Next:
    """Return how ``line`` relates to a paragraph above it."""
    tokens = parsed(f"x\n{line}\n")
    if tokens[0].type == "heading_open":
        return Next.UNDERLINES
    lines = tokens[0].map or [0, 1]
    return Next.CONTINUES if tokens[0].type == "paragraph_open" and lines[1] > 1 else Next.ENDS


def is_table_head(head: str, below: str) -> bool:
    """Whether ``head`` followed by the line ``below`` begins a table."""
    return bool(_DELIMITER_ROW.fullmatch(below)) and "-" in below and _is_table(f"{head}\n{below}")


def _is_table(source: str) -> bool:
    tokens = parsed(source)
    return bool(tokens) and tokens[0].type == "table_open"


def is_fence(text: str, at: int) -> bool:
    """Whether the line at ``at`` opens a fenced code block."""
    fence = _FENCE.match(text, at)
    if not fence:
        return False
    end = text.find("\n", at)
    return "`" not in fence[1] or "`" not in text[fence.end() : end if end >= 0 else len(text)]


def end_of_fence(text: str, at: int, begin: int) -> int | None:
    """Return the end of the fenced code block at ``at``, or None if it is still open.

    ``begin`` is the start of a line; the lines before it have been checked already.
    """
    fence = _FENCE.match(text, at)
    assert fence is not None
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence[1])}{fence[1][0]}*[ \t]*\n", re.MULTILINE)
    first = text.find("\n", at) + 1
    found = closing.search(text, max(begin, first)) if first else None
    return found.end() if found else None


class Complete(NamedTuple):
    """The length of the blocks that later lines cannot change, and what the rest is."""

    length: int
    is_list: bool = False
    is_table: bool = False


def complete_blocks(source: str) -> Complete:
    """Return how much of ``source`` later lines cannot change.

    The last block, or the last item of the last list, may still continue.
    """
    tokens = parsed(source)
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    if len(starts) > 1:
        return Complete(_offset(source, starts[-1]))
    items = [t.map[0] for t in tokens if t.level == 1 and t.type == "list_item_open" and t.map]
    if len(items) > 1:
        return Complete(_offset(source, items[-1]), is_list=True)
    return Complete(0, is_table=bool(tokens) and tokens[0].type == "table_open")


def _offset(source: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = source.index("\n", at) + 1
    return at
