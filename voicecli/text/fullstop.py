"""Decide whether a full stop ends a sentence or belongs to an abbreviation or number.

sentencex knows the abbreviations of each language and the words that may follow them. It
is made for complete texts: later text can change its earlier results, for example when a
second number turns the first into a list marker. So we ask it about one full stop at a
time and show it only the words around that one.
"""

from __future__ import annotations

from typing import NamedTuple

import sentencex

from voicecli.text.language import guess_language
from voicecli.text.patterns import lazy_pattern

_NEXT_WORD = 24
"""Length of the next word to wait for if the decision depends on it, in characters."""

_BEFORE = 60
"""Context before a full stop that sentencex sees, in characters."""

_WORD = lazy_pattern(rf"\S{{1,{_NEXT_WORD}}}")
_LAST_TOKEN = lazy_pattern(r"[^\s\"“”«»„‚(\[{]*\Z")
_APOSTROPHES = str.maketrans("", "", "'’")
_HYPHENATED_INITIALS = lazy_pattern(r"\w\.[-‐]\w")
_QUOTE_MARKS = str.maketrans(dict.fromkeys("\"'“”‘’«»„‚()[]{}*_", " "))

_ABBREVIATIONS = {
    "en": frozenset({"vs", "approx", "dept", "est", "min", "max", "viz", "cf", "resp"}),
    "de": frozenset({"bzw", "ca", "evtl", "ggf", "inkl", "zzgl", "u.a", "z.b", "d.h", "str"}),
    "fr": frozenset({"m", "mm", "mme", "mlle", "mgr", "dr", "pr", "me", "cf", "env", "art", "h"}),
    "es": frozenset({"sr", "sra", "srta", "dr", "dra", "ud", "uds", "pág", "núm", "aprox"}),
    "it": frozenset({"sig", "sig.ra", "dott", "prof", "ing", "avv", "pag"}),
    "nl": frozenset({"dhr", "mevr", "mw", "bijv", "ca", "nr", "blz", "o.a", "d.w.z"}),
    "pt": frozenset({"sr", "sra", "dr", "dra", "prof", "pág", "av"}),
    "ar": frozenset({"د", "أ"}),
    "ru": frozenset(
        {"г", "гг", "ул", "им", "т.е", "т.к", "т.н", "напр", "стр", "рис", "руб", "тыс"}
    ),
}
"""Abbreviations that sentencex misses: lower case, without the final full stop."""

_LAST_OF_SENTENCE = frozenset({"etc", "usw", "ecc"})
"""Abbreviations that end the sentence if a capital letter follows."""

_NOT_ABBREVIATED = frozenset({"кг", "км", "см", "мм", "мл", "га"})
"""Units that sentencex treats as abbreviations but that are written without a full stop."""

_AFTER_ORDINAL = lazy_pattern(r"(?:Jh|Jahrhundert|Klasse|Stock|Etage|Kapitel|Mal|Platz)\w*")
"""German nouns that follow ordinals, which are written as a number and a full stop."""


class FullStop(NamedTuple):
    """The mark from ``start`` to ``stop``, in a sentence that begins at ``begin``."""

    text: str
    begin: int
    start: int
    stop: int
    language: str | None

    @property
    def token(self) -> str:
        """The word before the mark, including full stops inside it."""
        match = _LAST_TOKEN.search(self.text, max(self.begin, self.start - _BEFORE), self.start)
        return match[0].strip("'‘’") if match else ""

    def ends(self, first: int, *, final: bool) -> bool | None:
        """Whether it ends the sentence, if the next word begins at ``first``.

        None if more of that word is needed to tell.
        """
        token, capital = self.token, self.text[first].isupper()
        if self._is_item(token) or self._is_known(token) or _HYPHENATED_INITIALS.fullmatch(token):
            return False
        if token.lower() in _LAST_OF_SENTENCE and capital:
            return True
        if self.text[first].isalpha() and not self.is_ambiguous():
            return True
        word = _WORD.match(self.text, first)
        assert word is not None
        if word.end() == len(self.text) and len(word[0]) < _NEXT_WORD and not final:
            return None
        if token.isdecimal() and self._code == "de" and _AFTER_ORDINAL.match(word[0]):
            return False
        return self.ends_before(word[0])

    def ends_before(self, word: str) -> bool:
        """Whether sentencex ends a sentence here if ``word`` follows."""
        head = self.text[max(self.begin, self.start - _BEFORE) : self.stop]
        head = "Xq " + head.translate(_QUOTE_MARKS)  # a leading number would be a list marker
        window = f"{head} {word.translate(_QUOTE_MARKS).strip()}"
        found = sentencex.get_sentence_boundaries(self._code, window)
        return any(len(head) <= boundary["end_index"] <= len(head) + 1 for boundary in found[:-1])

    def is_ambiguous(self) -> bool:
        """Whether the word before may be an abbreviation, an initial or a number."""
        whole = self.token
        token = whole.translate(_APOSTROPHES)
        if len(token) < 2 or not token.isalpha():  # noqa: PLR2004  an initial
            return True
        if token != whole or token in _NOT_ABBREVIATED:
            return False
        return self._is_known(token) or not self.ends_before("Xq")

    def _is_item(self, token: str) -> bool:
        """Whether it is the number or letter of a list's item."""
        is_whole = token == self.text[self.begin : self.start].strip()
        return is_whole and (token.isdecimal() or len(token) == 1)

    def _is_known(self, token: str) -> bool:
        return token.lower() in _ABBREVIATIONS.get(self._code, ())

    @property
    def _code(self) -> str:
        if self.language:
            return self.language.partition("-")[0].lower()
        return guess_language(self.text[self.begin : self.start])
