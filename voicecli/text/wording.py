"""Compare what was said with what was to be said; pure.

A model that reads a text aloud may reword it. Its transcript never matches the text letter
by letter: numbers become words or words become numbers, and case, punctuation and hyphens
are its own. `difference` sees past all of these, and reports anything else: a contraction
spelled out, a word left out, an answer in place of the text.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORDS = 2000
"""Words that are compared, above any request: the comparison takes their square at worst."""

_SHOWN_WORDS = 8

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = (
    {word: value for value, word in enumerate(_ONES.split())}
    | {word: value for value, word in enumerate(_ORDINALS.split())}
    | {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
    | {word[:-1] + "ieth": 10 * value for value, word in enumerate(_TENS.split(), 2)}
    | {"oh": 0}
)
_SCALES = {  # word: value
    name + ending: 10**power
    for name, power in (("hundred", 2), ("thousand", 3), ("million", 6), ("billion", 9))
    for ending in ("", "th")
}
_HUNDRED = 100
_UNITS = (
    "dollar dollars cent cents euro euros pound pounds pence yen percent degree degrees "
    "point minus o clock oclock"
)
"""Words that stand for a sign beside a number, wherever they are put: $5 is five dollars."""

_SIGNS = {
    "$": " dollars ", "€": " euros ", "£": " pounds ", "¥": " yen ", "%": " percent ",
    "°": " degrees ", "&": " and ", "@": " at ", "+": " plus ", "=": " equals ",
}  # fmt: skip
_SHORT = {
    "dr": "doctor", "mr": "mister", "mrs": "missus", "vs": "versus", "st": "saint",
    "etc": "etcetera", "ok": "okay", "prof": "professor",
}  # fmt: skip
_APOSTROPHES = str.maketrans("", "", "'’ʼ`´")
_GROUPED = re.compile(r"(?<=\d)[,\u202f\u00a0 ](?=\d{3}(?!\d))")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_INITIALS = re.compile(r"\b(?:\w\.){2,}")
_WORD = re.compile(r"\d+|[^\W\d_]+")


class Difference(NamedTuple):
    """The first place where the words differ; either side may be empty."""

    asked: str
    said: str


def difference(asked: str, said: str) -> Difference | None:
    """Return where ``said`` first differs from ``asked``, or None if only the spelling does."""
    wanted, got = _words(asked), _words(said)
    if "".join(wanted) == "".join(got):  # e-mail and email, ice cream and ice-cream
        return None
    matcher = SequenceMatcher(None, wanted, got, autojunk=False)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal" or _is_spelling(wanted[a0:a1], got[b0:b1]):
            continue
        return Difference(_shown(wanted[a0:a1]), _shown(got[b0:b1]))
    return None


def _is_spelling(asked: Sequence[str], said: Sequence[str]) -> bool:
    """Return whether two passages may be the same thing in digits and in other words.

    English numbers are digits by now; those of other languages are recognised by their place.
    """
    if "".join(asked) == "".join(said):
        return True
    digits, words = (asked, said) if any(map(str.isdigit, asked)) else (said, asked)
    if not digits or not words or any(map(str.isdigit, words)):
        return False
    length = sum(map(len, digits))
    return all(map(str.isdigit, digits)) and len(words) <= 2 + 2 * length


def _words(text: str) -> list[str]:
    """Return a text's words: casefolded, without punctuation, numbers in digits."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    text = _INITIALS.sub(lambda match: match[0].replace(".", ""), text)  # p.m., U.S.
    text = _ORDINAL.sub("", _GROUPED.sub("", text))
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    words = [_SHORT.get(word, word) for word in _WORD.findall(text)][:MAX_WORDS]
    return _without_units(list(_numbers_in_digits(words)))


def _numbers_in_digits(words: Sequence[str]) -> Iterator[str]:
    """Yield the words, with each run of numbers as one word of digits.

    "twenty twenty-six", "two thousand and twenty-six" and "2026" are the same.
    """
    run: list[str] = []
    for at, word in enumerate(words):
        is_joining = word == "and" and bool(run) and _is_number(words[at + 1 : at + 2])
        if _is_number([word]):
            run.append(word)
        elif not is_joining or run[-1] not in _SCALES:
            if run:
                yield _digits(run)
                run = []
            yield word
    if run:
        yield _digits(run)


def _is_number(words: Sequence[str]) -> bool:
    return any(word.isdecimal() or word in _SMALL or word in _SCALES for word in words)


class _Number:
    """The number that a run of words is spelling, digit groups of earlier ones before it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self._total = 0
        self._total_scale = 0
        self._current: int | None = None  # below the next scale
        self._last = 0

    def small(self, value: int) -> None:
        """Take a number below 100; one that does not continue the last begins another."""
        continues = self._last >= _HUNDRED or (self._last >= 20 and 0 < value < 10)  # noqa: PLR2004
        if self._current is not None and not continues:
            self.close()
        self._current, self._last = (self._current or 0) + value, value

    def scale(self, scale: int) -> None:
        """Take a hundred, a thousand and so on."""
        current = max(self._current or 0, 1) * scale
        if scale > _HUNDRED:
            if self._total and scale >= self._total_scale:  # two million (and) three million
                self.written.append(str(self._total))
                self._total = 0
            self._total, current = self._total + current, 0
            self._total_scale = scale
        self._current, self._last = current, scale

    def close(self) -> None:
        """End the number."""
        if self._current is not None:
            self.written.append(str(self._total + self._current))
        self._total, self._current, self._last = 0, None, 0


def _digits(run: Sequence[str]) -> str:
    """Return a run of number words and digits as digits."""
    number = _Number()
    for word, following in zip(run, [*run[1:], ""], strict=True):
        if word in _SCALES:
            number.scale(_SCALES[word])
        elif word in _SMALL:
            number.small(_SMALL[word])
        elif following in _SCALES and len(word) <= 3:  # noqa: PLR2004  5 million
            number.close()
            number.small(int(word))
        else:
            number.close()
            number.written.append(word)
    number.close()
    return "".join(number.written)


def _without_units(words: Sequence[str]) -> list[str]:
    """Leave out the words for signs beside numbers, and the "and" between two of these."""
    kept: list[str] = []
    units = frozenset(_UNITS.split())
    for at, word in enumerate(words):
        beside = [*words[max(0, at - 2) : at], *words[at + 1 : at + 3]]
        is_beside = any(each.isdecimal() for each in beside)
        is_inner = word == "and" and any(each in units for each in beside)
        if not (is_beside and (word in units or is_inner)):
            kept.append(word)
    return kept


def _shown(words: Sequence[str]) -> str:
    more = " …" if len(words) > _SHOWN_WORDS else ""
    return " ".join(words[:_SHOWN_WORDS]) + more
