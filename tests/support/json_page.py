"""The page docs/json.md: the keys that its tables name, and whether they are those of a value.

A heading that is a key, such as ``segments[]``, precedes the keys of the tables below it. A word
in capitals in a key stands for any key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TEXT = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")

OPAQUE = {"extra"}
"""Keys of objects that are handed on as they are."""


class Table(NamedTuple):
    """A table of the page: the headings above it, and its rows of cells, the titles first."""

    section: str
    part: str
    rows: list[list[str]]


def tables(text: str) -> list[Table]:
    """Return the tables of a page in Markdown."""
    found, section, part, lines = [], "", "", []
    for line in [*text.split("\n"), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split(" | ")])
            continue
        if lines:
            found.append(Table(section, part, [lines[0], *lines[2:]]))
            lines = []
        if line.startswith("## "):
            section, part = line[3:], ""
        elif line.startswith("### "):
            part = line[4:]
    return found


TABLES = tables(TEXT)


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rows(section: str, part: str | None, title: str) -> list[tuple[str, list[str]]]:
    """Return each row of the tables whose first column has this title, and the part it is in."""
    chosen = [each for each in TABLES if each.section == section and part in (None, each.part)]
    return [(t.part, row) for t in chosen if t.rows[0][0] == title for row in t.rows[1:]]


def documented(section: str, part: str | None = None) -> set[str]:
    """Return the keys in the tables of a section, or of a part of it that has no key as title."""
    found = set()
    for title, row in rows(section, part, "key"):
        around = re.fullmatch(r"`(.+)`", title)
        found |= {f"{around[1]}.{key}" if around else key for key in code(row[0])}
    return found


def printed(value: object, around: str = "") -> set[str]:
    """Return every key of a JSON value, as the page writes it: ``segments[].usage.cost_usd``."""
    if isinstance(value, list):
        return set().union(*(printed(item, around and f"{around}[]") for item in value))
    found = set()
    for name, inner in value.items() if isinstance(value, dict) else ():
        key = f"{around}.{name}" if around else name
        found |= {key} if name in OPAQUE else {key, *printed(inner, key)}
    return found


def fits(pattern: str, key: str) -> bool:
    """Return whether a name of the page, with words in capitals for any key, is this one."""
    parts = re.split(r"\b([A-Z]{3,})\b", pattern)
    either = [r"[^.\[\]]+" if number % 2 else re.escape(p) for number, p in enumerate(parts)]
    return re.fullmatch("".join(either), key) is not None


def check(values: list[object], section: str, part: str | None = None) -> None:
    """Check that the page has each key of the values, and that the values have each of its keys."""
    keys, names = set().union(*map(printed, values)), documented(section, part)
    assert keys
    assert names
    missing = {key for key in keys if not any(fits(name, key) for name in names)}
    surplus = {name for name in names if not any(fits(name, key) for key in keys)}
    assert missing == set(), "not in docs/json.md"
    assert surplus == set(), "in docs/json.md, and not printed"
