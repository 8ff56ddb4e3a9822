"""Find places to cut a sentence that is too long to wait for or to send."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from voicecli.text.patterns import lazy_pattern
from voicecli.text.quotes import QuoteScan

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_CLAUSE = 12
"""Shortest first clause, in characters. A shorter one would end before the rest arrives."""

SHORT_QUOTE = 40
"""Quotations shorter than this many characters are never cut."""

_MARK = lazy_pattern(
    r"""[,;:][\"'”’»)\]]*(?=\s)   # not 1,000 or 10:30 or https://
      | [—–](?=\s)|(?<=\w)—(?=\w)
      | [，、；：،؛]+[”’」』）]*""",
    re.VERBOSE,
)
_SPACE = lazy_pattern(r"\s+")


def first_clause(text: str, begin: int, end: int, *, final: bool) -> int | None:
    """Return where the first clause of ``text[begin:end]`` ends, or None if none does yet.

    A clause has `MIN_CLAUSE` characters or more. It does not end within a number or date, an
    abbreviation, a URL or a quotation of fewer than `SHORT_QUOTE` characters. ``final``
    means that the sentence ends at ``end``, so a quotation still open there never closes.
    """
    scan = QuoteScan(text, begin)
    for mark in _MARK.finditer(text, begin, end):
        cut = mark.end()
        if cut - begin < MIN_CLAUSE or text[mark.start() - 1] == ".":
            continue
        if text[mark.start() - 1].isdecimal():  # March 5, 1990
            following = text[cut:end].lstrip()[:1]
            if following.isdecimal():
                continue
            if not following and not final:
                return None
        opened = scan.open_at(cut)
        if opened:
            limit = opened[0].position + SHORT_QUOTE
            if scan.closing(cut, min(limit, end)) or (final and end < limit):
                continue
            if end < limit:
                return None
        return cut
    return None


def last_cut(text: str, begin: int, limit: int) -> int:
    """Return the best place to cut ``text[begin:limit]``: a clause, a word, or ``limit``.

    The result is always greater than ``begin``, even if that cuts a word. A character stays
    with its accents, unless there are so many that nothing else is left.
    """
    cut = 0
    for mark in _MARK.finditer(text, begin, limit):
        cut = mark.end()
    if cut - begin >= (limit - begin) // 3:
        return cut
    for space in _SPACE.finditer(text, begin, limit):
        cut = max(cut, space.start())
    if cut > begin:
        return cut
    cut = limit
    while cut > begin + 1 and cut < len(text) and unicodedata.combining(text[cut]):
        cut -= 1
    return limit if cut == begin + 1 else cut


def parts(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ``limit`` characters, cut at clauses or else between words."""
    begin, length = 0, len(text)
    while length - begin > limit:
        cut = last_cut(text, begin, begin + limit + 1)
        cut = min(cut, begin + limit)
        yield begin, len(text[:cut].rstrip())
        begin = cut + len(text[cut:]) - len(text[cut:].lstrip())
    if begin < length:
        yield begin, length
