"""Track quotations and brackets: which are open at a position, and where they close."""

from __future__ import annotations

import re
from typing import NamedTuple

from voicecli.text.patterns import lazy_pattern

_CLOSERS = {
    '"': '"', "“": "”", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "»": "«", "‹": "›",
    "'": "'", "「": "」", "『": "』", "《": "》", "(": ")", "（": "）", "[": "]", "【": "】",
}  # fmt: skip
_MARK = lazy_pattern("[" + re.escape("".join(_CLOSERS) + "".join(_CLOSERS.values())) + "]")
_STRAY_CLOSERS = frozenset("\"'”’“»›)]}」』》）】*_")
_FOOTNOTE = lazy_pattern(r"\[\d{0,3}(?:\]|$)")
_SPACED_CLOSER = lazy_pattern(r"[ \u00a0\u202f]?»")
_BEFORE_SINGLE = frozenset(',:;—–([“"')
_ELISION = lazy_pattern(r"(?:tis|twas|twere|em|til|cause|bout|round|n|s|t)\b", re.IGNORECASE)
"""Words with an apostrophe in front: 'tis, rock 'n' roll, 's avonds."""

_MAX_DEPTH = 16


class Quote(NamedTuple):
    """An opening mark and its position."""

    mark: str
    position: int


class QuoteScan:
    """What is open at a position of the sentence that begins at ``begin``; moves forward only.

    Apostrophes, inch marks, emoticons and unmatched closing marks do not count, nor what is
    nested deeper than `_MAX_DEPTH`.
    """

    def __init__(self, text: str, begin: int) -> None:
        self._text = text
        self._begin = begin
        self._at = begin
        self._stack: list[Quote] = []

    def open_at(self, place: int) -> list[Quote]:
        """Return the quotations and brackets that are still open at ``place``."""
        for match in _MARK.finditer(self._text, self._at, place):
            _advance(self._stack, self._text, self._begin, match.start())
        self._at = max(self._at, place)
        return list(self._stack)

    def closing(self, place: int, end: int, *, final: bool = True) -> int | None:
        """Return where everything that is open at ``place`` has been closed, or None.

        The result is the position after the last closing mark, at most ``end``. Unless
        ``final``, an apostrophe at the very end closes nothing yet: a letter may follow.
        """
        text, stack = self._text, self.open_at(place)
        if not stack:
            return place
        for match in _MARK.finditer(text, place, end):
            if match[0] in "'’" and match.end() == len(text) and not final:
                return None
            _advance(stack, text, self._begin, match.start())
            if not stack:
                return match.end()
        return None


def after_closers(text: str, stack: list[Quote], place: int) -> int:
    """Return the end of the closing marks and footnotes at ``place``, popping ``stack``."""
    while place < len(text):
        mark = text[place]
        if stack and mark in _CLOSERS[stack[-1].mark]:
            stack.pop()
            place += 1
        elif stack and stack[-1].mark == "«" and (spaced := _SPACED_CLOSER.match(text, place)):
            stack.pop()
            place = spaced.end()
        elif footnote := _FOOTNOTE.match(text, place):
            place = footnote.end()
        elif mark in _STRAY_CLOSERS:
            place += 1
        else:
            break
    return place


def _advance(stack: list[Quote], text: str, begin: int, at: int) -> None:
    """Update ``stack`` with the mark at ``at``."""
    mark = text[at]
    before = text[at - 1] if at > begin else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if stack and mark in _CLOSERS[stack[-1].mark]:
        if mark not in "'’" or not (after.isalnum() or before.isspace()):
            stack.pop()
    elif len(stack) >= _MAX_DEPTH:
        return
    elif mark == "'":
        if _opens_single(before, text, at):
            stack.append(Quote(mark, at))
    elif mark in _CLOSERS and _opens(mark, before, after):
        stack.append(Quote(mark, at))


def _opens_single(before: str, text: str, at: int) -> bool:
    """Whether a straight ' opens a quotation: before a word that is not itself shortened."""
    if not (before.isspace() or before in _BEFORE_SINGLE):
        return False
    return text[at + 1 : at + 2].isalpha() and not _ELISION.match(text, at + 1)


def _opens(mark: str, before: str, after: str) -> bool:
    if mark in '"»':
        return not (before.isalnum() or before in ".,;:!?…)" or after.isspace())
    if mark == "(":
        return before not in ":;="
    return mark != "“" or not after.isspace()
