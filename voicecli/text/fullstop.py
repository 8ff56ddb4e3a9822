"""Decide whether a full stop ends a sentence or belongs to an abbreviation or number.

sentencex knows the abbreviations of each language and the words that may follow them. It
is made for complete texts: later text can change its earlier results, for example when a
second number turns the first into a list marker. So we ask it about one full stop at a
time and show it only the words around that one.
"""

from __future__ import annotations

from typing import NamedTuple

import sentencex

from voicecli.text.abbreviations import (
    ABBREVIATIONS,
    ENGLISH_STARTERS,
    ENGLISH_WORDS,
    FOREIGN,
    FOREIGN_BEFORE_NUMBER,
    GERMAN_AFTER_ORDINAL,
    GERMAN_ONLY_AFTER_ORDINAL,
    LAST_OF_SENTENCE,
    NOT_ABBREVIATED,
    STREETS,
    WORDS_TOO,
)
from voicecli.text.language import UNKNOWN, Language
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

_SPELLED = lazy_pattern(r"(?:^|\s)[A-Z] [A-Z]\Z")
"""Letters one by one, as a lexicon has U S for US; initials have full stops."""

_AND_SO_ON = lazy_pattern(r"(?:^|\s)т\.\s?[дп]\Z")
_AFTER_ORDINAL = lazy_pattern(GERMAN_AFTER_ORDINAL)
_AFTER_GERMAN_ORDINAL = lazy_pattern(GERMAN_ONLY_AFTER_ORDINAL)
_AFTER_WORD = ".,;:!?…)\"'”’"


class FullStop(NamedTuple):
    """The mark from ``start`` to ``stop``, in a sentence that begins at ``begin``."""

    text: str
    begin: int
    start: int
    stop: int
    language: Language = UNKNOWN

    @property
    def token(self) -> str:
        """The word before the mark, including full stops inside it."""
        match = _LAST_TOKEN.search(self.text, max(self.begin, self.start - _BEFORE), self.start)
        return match[0].strip("'‘’") if match else ""

    def ends(self, first: int, *, final: bool) -> bool | None:
        """Whether it ends the sentence, if the next word begins at ``first``.

        None if more of that word is needed to tell.
        """
        is_certain = self._ends_by_token(first)
        if is_certain is not None:
            return is_certain
        word = _WORD.match(self.text, first)
        assert word is not None
        if word.end() == len(self.text) and len(word[0]) < _NEXT_WORD and not final:
            return None
        token, following = self.token, word[0].rstrip(_AFTER_WORD)
        if token.isdecimal() and self._is_after_ordinal(following):
            return False
        if token.lower() in STREETS and self.text[first].isupper() and self._code == "en":
            return following.lower() in ENGLISH_STARTERS
        return self.ends_before(following)

    def _ends_by_token(self, first: int) -> bool | None:
        """Whether it ends the sentence if that needs no more than the next letter, else None."""
        token, following = self.token, self.text[first]
        if token.lower() == "no":  # as a number's, or as a word
            return not following.isdecimal()
        is_known = self._is_known(token, following)
        if self._is_item(token) or is_known or _HYPHENATED_INITIALS.fullmatch(token):
            return False
        if following.isupper() and (token.lower() in LAST_OF_SENTENCE or self._is_and_so_on()):
            return True
        return True if following.isalpha() and not self.is_ambiguous() else None

    def ends_before(self, word: str) -> bool:
        """Whether sentencex ends a sentence here if ``word`` follows."""
        head = self.text[max(self.begin, self.start - _BEFORE) : self.stop]
        head = "Xq " + head.translate(_QUOTE_MARKS)  # a leading number would be a list marker
        window = f"{head} {word.translate(_QUOTE_MARKS).strip()}"
        found = sentencex.get_sentence_boundaries(self._code, window)
        return any(len(head) <= boundary["end_index"] <= len(head) + 1 for boundary in found[:-1])

    def is_ambiguous(self) -> bool:
        """Whether the word before may be an abbreviation, an initial or a number."""
        if _SPELLED.search(self.text, self.begin, self.start):
            return False
        whole = self.token
        token = whole.translate(_APOSTROPHES)
        if len(token) < 2 or not token.isalpha():  # noqa: PLR2004  an initial
            return True
        if token != whole or token in NOT_ABBREVIATED:
            return False
        return self._is_known(token) or not self.ends_before("Xq")

    def _is_item(self, token: str) -> bool:
        """Whether it is the number or letter of a list's item."""
        is_whole = token == self.text[self.begin : self.start].strip()
        return is_whole and (token.isdecimal() or len(token) == 1)

    def _is_known(self, token: str, following: str = "") -> bool:
        """Whether it is an abbreviation that ends no sentence if that letter follows."""
        word, before_number = token.lower(), following.isdecimal()
        if word in ENGLISH_WORDS and following.isupper() and self._code == "en":
            return False
        if word in WORDS_TOO and token[:1].isupper() and not before_number:
            return False
        if self.language.code is None:
            if word in FOREIGN or (before_number and word in FOREIGN_BEFORE_NUMBER):
                return True
            if before_number and word.endswith("str"):  # Hauptstr. 5
                return True
        return word in ABBREVIATIONS.get(self._code, ())

    def _is_and_so_on(self) -> bool:
        """Whether it ends т. д. or т. п., the Russian etc."""
        return _AND_SO_ON.search(self.text, self.begin, self.start) is not None

    def _is_after_ordinal(self, word: str) -> bool:
        if self.language.code is None and _AFTER_ORDINAL.match(word):
            return True
        patterns = (_AFTER_ORDINAL, _AFTER_GERMAN_ORDINAL)
        return self._code == "de" and any(pattern.match(word) for pattern in patterns)

    @property
    def _code(self) -> str:
        return self.language.of(self.text[self.begin : self.start])
