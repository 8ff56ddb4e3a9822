"""Find sentence boundaries with as little lookahead as possible.

Each decision depends on a window of text whose end is determined by the text itself, and
is made only once that window is complete. This is why the same text always gives the same
sentences, however it was split on arrival.
"""

from __future__ import annotations

from typing import NamedTuple

from voicecli.text.fragment import Break
from voicecli.text.fullstop import FullStop
from voicecli.text.language import UNKNOWN, Language, guess_language
from voicecli.text.patterns import lazy_pattern
from voicecli.text.quotes import QuoteScan, after_closers
from voicecli.text.segment import NO_SPACE_SCRIPTS

QUOTE_WAIT = 120
"""No sentence ends inside a quotation that closes within this many characters."""

_LIST_MARK = 5
"""Length of text needed to recognise the marker of a list item."""

_ORDINARY_WORD = 4
"""A shorter word may be an abbreviation that no list has."""

_WIDE = (
    "。！？｡．؟۔।॥።፧։។"
    "\u104b\u0f0d\u0f0e\u17d5\u1803\u1809\u0700\u166e\u1c7e\u1c7f\u203c\u2047\u2048\u2049\ufe52\ufe56\ufe57"
)
"""Sentence terminators that need no space after them: Unicode's Sentence_Terminal and shads."""

_TERMINATORS = lazy_pattern(rf"[.!?…\u037e{_WIDE}]+|\n")
_MAYBE_GREEK_TERMINATORS = lazy_pattern(rf"[.!?…\u037e{_WIDE}]+|;|\n")
_GREEK_TERMINATORS = lazy_pattern(rf"[.!?;…\u037e{_WIDE}]+|\n")
_NO_SPACE = lazy_pattern(rf"[{NO_SPACE_SCRIPTS}]")
_SPACE = lazy_pattern(r"\s*")
_OPENERS = lazy_pattern(r"[\s\"'“‘«„‚»(\[{¿¡*_–—-]*")
_DUTCH_ELISION = lazy_pattern(r"['’][stn] [A-Z]")
_LIST_LINE = lazy_pattern(r"(?:[-*+•‣◦▪·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))\s")
_LIST_START = lazy_pattern(r"[-*+•‣◦▪·–—(0-9A-Za-z]\S*\Z")


class Boundary(NamedTuple):
    """The end of a sentence; the next begins at ``resume``."""

    end: int
    resume: int
    kind: Break = Break.SENTENCE


class Undecided(NamedTuple):
    """No boundary before ``position``; whether there is one at it depends on later text."""

    position: int


def find_boundary(
    text: str, begin: int, *, final: bool, language: Language = UNKNOWN, eager: bool = False
) -> Boundary | Undecided:
    """Return where the sentence that begins at ``begin`` ends.

    If ``final`` is true, no more text follows and the end of the text ends the sentence.
    ``language`` is that of the text, or what it is guessed from. If ``eager`` is true, a full
    stop after an ordinary word and before a space ends the sentence, whatever follows.
    """
    terminators = _MAYBE_GREEK_TERMINATORS if language.code is None else _TERMINATORS
    if language.code == "el":
        terminators = _GREEK_TERMINATORS
    scan = QuoteScan(text, begin)
    for match in terminators.finditer(text, begin):
        is_guessed = match[0] == ";" and language.code is None
        if is_guessed and guess_language(text[begin : match.start()]) != "el":
            continue
        candidate = _Candidate(
            text, begin, match.start(), match.end(), final, language, scan, eager
        )
        found = candidate.line_break() if match[0] == "\n" else candidate.sentence_end()
        if found:
            return found
    stripped = max(begin, len(text.rstrip()))
    return Boundary(stripped, len(text)) if final else Undecided(stripped)


class _Candidate(NamedTuple):
    """A run of terminators, or a line break, from ``start`` to ``stop``."""

    text: str
    begin: int
    start: int
    stop: int
    final: bool
    language: Language
    scan: QuoteScan
    eager: bool

    def line_break(self) -> Boundary | Undecided | None:
        """Decide whether a paragraph, or an item of a list, begins after the line."""
        place = self._after_space(self.start)
        end = len(self.text[self.begin : self.start].rstrip()) + self.begin
        if self.text.count("\n", self.start, place) > 1:
            return Boundary(end, place, Break.PARAGRAPH)
        if _LIST_LINE.match(self.text, place):
            return Boundary(end, place)
        is_cut = place == len(self.text) or (
            len(self.text) - place < _LIST_MARK and _LIST_START.match(self.text, place)
        )
        return Undecided(end) if is_cut and not self.final else None

    def sentence_end(self) -> Boundary | Undecided | None:
        """Decide whether a sentence ends with these terminators."""
        stack = self.scan.open_at(self.start)
        end = after_closers(self.text, stack, self.stop)
        place = self._after_space(end)
        ends: bool | None = None
        if end < len(self.text):
            ends = self._ends_within(end, stack[0].position) if stack else True
        if ends and self.text.count("\n", end, place) > 1:
            return Boundary(end, place, Break.PARAGRAPH)
        is_plain = self.eager and not stack and self.stop == end < place
        if ends and not (is_plain and self._is_ordinary()):
            ends = self._ends_before(end, place) if place < len(self.text) else None
        if ends is None:
            return None if self.final else Undecided(self.start)
        return Boundary(end, place) if ends else None

    def _ends_within(self, end: int, opened: int) -> bool | None:
        """Whether a sentence may end within a quotation that opened at ``opened``.

        It may if the quotation is long. None if that is not known yet.
        """
        limit = opened + QUOTE_WAIT
        until = min(limit, len(self.text))
        if self.scan.closing(end, until, final=self.final):
            return False
        return True if len(self.text) >= limit or self.final else None

    def _ends_before(self, end: int, place: int) -> bool | None:
        """Whether a sentence begins at ``place``; None if more text is needed to tell."""
        if self._is_wide(end):
            # The particle after 「…」 makes the quotation part of a longer sentence.
            return end == self.stop or self.text[end] not in "とっ"
        if place == end:
            return False
        first = self._first_letter(place)
        letter, second = self.text[first : first + 1], self.text[first + 1 : first + 2]
        # A single capital letter is enough; anything else needs a second character.
        if not second and not self.final and (not letter.isalpha() or letter.islower()):
            return None
        mark = FullStop(self.text, self.begin, self.start, self.stop, self.language)
        if letter.islower() and not second.isupper():
            return self._is_without_capitals() and not mark.is_ambiguous()
        if letter and self.text[self.start : self.stop] == ".":
            return mark.ends(first, final=self.final)
        is_exclamation = self.text[self.stop - 1] == "!" and letter.isalpha()
        return mark.ends_before(letter) if is_exclamation else True  # Yahoo!

    def _is_ordinary(self) -> bool:
        """Whether this is a single full stop after an ordinary word in small letters."""
        mark = FullStop(self.text, self.begin, self.start, self.stop, self.language)
        word = mark.token
        if self.text[self.start : self.stop] != "." or len(word) < _ORDINARY_WORD:
            return False
        return word.isalpha() and word.islower() and not mark.is_ambiguous()

    def _first_letter(self, place: int) -> int:
        """Return where the first word begins, behind marks and elisions such as 's in Dutch."""
        if elision := _DUTCH_ELISION.match(self.text, place):
            return elision.end() - 1
        openers = _OPENERS.match(self.text, place)
        return openers.end() if openers else place

    def _is_wide(self, end: int) -> bool:
        """Whether no space is needed after the terminators."""
        if self.text[self.stop - 1] in _WIDE:
            return True
        before = self.text[self.start - 1 : self.start]
        return bool(_NO_SPACE.match(before) and _NO_SPACE.match(self.text, end))

    def _is_without_capitals(self) -> bool:
        """Whether the writer seems to use no capitals at all."""
        sentence = self.text[self.begin : self.start]
        return sentence == sentence.lower() and len(sentence.split()) > 1

    def _after_space(self, place: int) -> int:
        space = _SPACE.match(self.text, place)
        assert space is not None
        return space.end()
