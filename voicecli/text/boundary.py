"""Where a sentence ends, decided from as little of the text after it as needed.

sentencex knows the abbreviations of each language and which words may follow them. It
looks at whole texts, and more text may change its mind about what was before: two
numbers become a list, a second quotation mark makes a quotation. So it is asked about
one full stop at a time, with the words around it and nothing else. Quotations, brackets,
lines and paragraphs are decided here.

Each decision reads a window that depends on the text alone, and is made when the window
is complete. That is why the same text gives the same sentences however it arrives.
"""

from __future__ import annotations

from typing import NamedTuple

import sentencex

from voicecli.text import quotes
from voicecli.text.fragment import Break
from voicecli.text.language import guess_language
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import NO_SPACE_SCRIPTS

QUOTE_WAIT = 120
"""A sentence does not end within a quotation that closes this many characters after it opened."""

_NEXT_WORD = 24
"""Characters of the word after a full stop that are waited for, where they matter."""

_BEFORE = 60
"""Characters before a full stop that sentencex sees."""

_WIDE = "。！？｡．؟۔।॥።፧։။។"
_TERMINATORS = lazy_pattern(rf"[.!?…\u037e{_WIDE}]+|\n")
_GREEK_TERMINATORS = lazy_pattern(rf"[.!?;…\u037e{_WIDE}]+|\n")
_NO_SPACE = lazy_pattern(rf"[{NO_SPACE_SCRIPTS}]")
_SPACE = lazy_pattern(r"\s*")
_OPENERS = lazy_pattern(r"[\s\"'“‘«„‚»(\[{¿¡*_–—-]*")
_WORD = lazy_pattern(rf"\S{{1,{_NEXT_WORD}}}")
_LIST_LINE = lazy_pattern(r"(?:[-*+•‣◦▪·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))\s")
_LIST_START = lazy_pattern(r"[-*+•‣◦▪·–—(0-9A-Za-z]\S{0,4}")
_LAST_TOKEN = lazy_pattern(r"[^\s\"“”«»„‚(\[{]*\Z")
_APOSTROPHES = str.maketrans("", "", "'’")
_HYPHENATED_INITIALS = lazy_pattern(r"\w\.[-‐]\w")
_AT_THE_END = frozenset({"etc", "usw", "ecc"})
"""Abbreviations that seldom stand before a capital within a sentence."""
_UNITS = frozenset({"кг", "км", "см", "мм", "мл", "га"})
"""Words that sentencex takes for abbreviations, and that are written without a full stop."""

_QUOTE_MARKS = str.maketrans(dict.fromkeys("\"'“”‘’«»„‚()[]{}*_", " "))
_ABBREVIATIONS = {  # that sentencex lacks; without their last full stop, lower case
    "en": frozenset({"vs", "approx", "dept", "est", "min", "max", "viz", "cf", "resp"}),
    "de": frozenset({"bzw", "ca", "evtl", "ggf", "inkl", "zzgl", "u.a", "z.b", "d.h", "str"}),
    "fr": frozenset({"m", "mm", "mme", "mlle", "mgr", "dr", "pr", "me", "cf", "env", "art", "h"}),
    "es": frozenset({"sr", "sra", "srta", "dr", "dra", "ud", "uds", "pág", "núm", "aprox"}),
    "it": frozenset({"sig", "sig.ra", "dott", "prof", "ing", "avv", "pag", "ecc"}),
    "nl": frozenset({"dhr", "mevr", "mw", "bijv", "ca", "nr", "blz", "o.a", "d.w.z"}),
    "pt": frozenset({"sr", "sra", "dr", "dra", "prof", "pág", "av"}),
    "ar": frozenset({"د", "أ"}),
    "ru": frozenset({"г", "гг", "ул", "им", "т.е", "т.к", "т.н", "напр", "стр", "рис", "руб", "тыс"}),
}  # fmt: skip
_MONTHS_AND_NOUNS = lazy_pattern(r"(?:Jh|Jahrhundert|Klasse|Stock|Etage|Kapitel|Mal|Platz)\w*")


class Boundary(NamedTuple):
    """The end of a sentence; the next begins at ``resume``."""

    end: int
    resume: int
    kind: Break = Break.SENTENCE


class Undecided(NamedTuple):
    """No end before ``position``; whether there is one at it depends on text yet to come."""

    position: int


def find_boundary(
    text: str, begin: int, *, final: bool, language: str | None = None
) -> Boundary | Undecided:
    """Return where the sentence that begins at ``begin`` ends.

    ``final`` means that no text follows: the end of the text then ends the sentence.
    ``language`` is a code such as ``de``; None guesses it by the script.
    """
    terminators = _GREEK_TERMINATORS if language == "el" else _TERMINATORS
    for match in terminators.finditer(text, begin):
        candidate = _Candidate(text, begin, match.start(), match.end(), final, language)
        found = candidate.line_break() if match[0] == "\n" else candidate.sentence_end()
        if found:
            return found
    stripped = len(text.rstrip())
    if final:
        return Boundary(max(begin, stripped), len(text))
    return Undecided(max(begin, stripped))


class _Candidate(NamedTuple):
    """A run of terminators, or a line break, from ``start`` to ``stop``."""

    text: str
    begin: int
    start: int
    stop: int
    final: bool
    language: str | None

    def line_break(self) -> Boundary | Undecided | None:
        """Decide whether a paragraph, or an item of a list, begins after the line."""
        place = self._after_space(self.start)
        end = len(self.text[self.begin : self.start].rstrip()) + self.begin
        if self.text.count("\n", self.start, place) > 1:
            return Boundary(end, place, Break.PARAGRAPH)
        if place == len(self.text):
            return None if self.final else Undecided(end)
        if _LIST_LINE.match(self.text, place):
            return Boundary(end, place)
        start = _LIST_START.match(self.text, place)
        if start and start.end() == len(self.text) and len(start[0]) < 5 and not self.final:
            return Undecided(end)
        return None

    def sentence_end(self) -> Boundary | Undecided | None:
        """Decide whether a sentence ends with these terminators."""
        text, undecided = self.text, None if self.final else Undecided(self.start)
        stack = quotes.open_quotes(text, self.begin, self.start)
        end = quotes.after_closers(text, stack, self.stop)
        if end == len(text):
            return undecided
        if stack:
            limit = stack[0].position + QUOTE_WAIT
            if quotes.closing(text, self.begin, end, min(limit, len(text))):
                return None
            if len(text) < limit and not self.final:
                return undecided
        place = self._after_space(end)
        if text.count("\n", end, place) > 1:
            return Boundary(end, place, Break.PARAGRAPH)
        if place == len(text):
            return undecided
        if self._is_wide(end):
            # 「…」と: the quotation goes on as part of the sentence.
            return None if end > self.stop and text[end] in "とっ" else Boundary(end, place)
        if place == end:
            return None
        ends = self._ends_before(place)
        return undecided if ends is None else Boundary(end, place) if ends else None

    def _is_wide(self, end: int) -> bool:
        """Whether no space is needed after the terminators."""
        if self.text[self.stop - 1] in _WIDE:
            return True
        before = self.text[self.start - 1 : self.start]
        return bool(_NO_SPACE.match(before) and _NO_SPACE.match(self.text, end))

    def _after_space(self, place: int) -> int:
        space = _SPACE.match(self.text, place)
        assert space is not None
        return space.end()

    def _ends_before(self, place: int) -> bool | None:
        """Whether a sentence begins at ``place``; None if that needs more text."""
        text = self.text
        openers = _OPENERS.match(text, place)
        first = openers.end() if openers else place
        if first + 1 >= len(text) and not self.final:
            # One letter is enough if it is a capital after a plain word.
            if first == len(text) or text[first].islower() or not text[first].isalpha():
                return None
        if first == len(text):
            return True
        if text[first].islower() and not text[first + 1 : first + 2].isupper():
            return self._is_without_capitals() and not self._is_ambiguous()
        if text[self.stop - 1] == "!":
            return not text[first].isalpha() or self._asked(text[first])  # Yahoo!
        if text[self.start : self.stop] != ".":
            return True
        return self._full_stop_ends(first)

    def _full_stop_ends(self, first: int) -> bool | None:
        token = self._token
        if token == self.text[self.begin : self.start].strip() and (
            token.isdecimal() or len(token) == 1
        ):
            return False  # the number of a list's item
        if self._is_known_abbreviation(token) or _HYPHENATED_INITIALS.fullmatch(token):
            return False
        if token.lower() in _AT_THE_END and self.text[first].isupper():
            return True
        if not self._is_ambiguous() and self.text[first].isalpha():
            return True
        word = _WORD.match(self.text, first)
        assert word is not None
        if word.end() == len(self.text) and len(word[0]) < _NEXT_WORD and not self.final:
            return None
        if token.isdecimal() and self._language == "de" and _MONTHS_AND_NOUNS.match(word[0]):
            return False
        return self._asked(word[0])

    @property
    def _token(self) -> str:
        """The word before the terminators."""
        match = _LAST_TOKEN.search(self.text, max(self.begin, self.start - _BEFORE), self.start)
        return match[0].strip("'‘’") if match else ""

    @property
    def _language(self) -> str:
        if self.language:
            return self.language.partition("-")[0].lower()
        return guess_language(self.text[self.begin : self.start])

    def _is_known_abbreviation(self, token: str) -> bool:
        return token.lower() in _ABBREVIATIONS.get(self._language, ())

    def _is_ambiguous(self) -> bool:
        """Whether the word before may be an abbreviation, an initial or a number."""
        token = self._token.translate(_APOSTROPHES)
        if len(token) < 2 or "." in token or not token.isalpha():  # noqa: PLR2004  an initial
            return True
        if token != self._token or token in _UNITS:
            return False
        return self._is_known_abbreviation(token) or not self._asked("Xq")

    def _is_without_capitals(self) -> bool:
        """Whether the writer seems to use no capitals at all."""
        sentence = self.text[self.begin : self.start]
        return sentence == sentence.lower() and len(sentence.split()) > 1

    def _asked(self, word: str) -> bool:
        """Whether sentencex ends a sentence here, if ``word`` follows."""
        head = self.text[max(self.begin, self.start - _BEFORE) : self.stop]
        head = "Xq " + head.translate(_QUOTE_MARKS)  # a number at the beginning would be a list's
        window = f"{head} {word.translate(_QUOTE_MARKS).strip()}"
        found = sentencex.get_sentence_boundaries(self._language, window)
        return any(len(head) <= boundary["end_index"] <= len(head) + 1 for boundary in found[:-1])
