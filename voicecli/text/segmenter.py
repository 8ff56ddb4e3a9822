"""Split text that arrives in pieces into sentences, as early as possible.

The same text gives the same sentences, however it is split on arrival (see `boundary`).
Only a pause of the writer can release text earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.text import clause
from voicecli.text.boundary import Boundary, Undecided, find_boundary
from voicecli.text.fragment import Break, Fragment, SourceMap, TextDecoder
from voicecli.text.language import Language
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import NO_SPACE_SCRIPTS, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

PAUSE_MS = 400
"""Silence of the writer that counts as a pause, in milliseconds."""

ROUNDING_S = 1e-6
"""Tolerance when comparing times, for floating-point rounding."""

LONG_FIRST_SENTENCE = 120
"""If the first sentence is longer than this, its first clause is emitted on its own."""

MAX_SENTENCE = 1000
"""Longest sentence in characters; longer text without a boundary is cut."""

_SPACE_BETWEEN_WIDE = lazy_pattern(rf"(?<=[{NO_SPACE_SCRIPTS}])\s*\n\s*(?=[{NO_SPACE_SCRIPTS}])")
_SPACE = lazy_pattern(r"\s*")
_AFTER_FULL_STOP = " Xq xq"
"""Sample text that makes the boundary before it decidable."""


class Segmenter:
    """An incremental sentence segmenter.

    Call `feed` for each piece of text, `tick` while none arrives, and `finish` once. Times
    are in seconds, from any clock. No method blocks or raises. Text without letters or
    digits is dropped.

    Args:
        language: code such as ``de``; None guesses it from the script and frequent words.
        pause_ms: silence of the writer after which a sentence that looks complete, or the
            first clause of the first sentence, is emitted.
    """

    def __init__(self, language: str | None = None, *, pause_ms: int = PAUSE_MS) -> None:
        self._language = Language(language)
        self._pause_s = pause_ms / 1e3 - ROUNDING_S
        self._decoder = TextDecoder()
        self._written_at: float | None = None
        self._text = ""
        self._begin = 0
        self._map = SourceMap()
        self._voice: str | None = None
        self._pause_ms = 0
        self._begins = Break.PARAGRAPH
        self._continues = False
        self._newlines = 0  # skipped since the last sentence
        self._number = 0

    def feed(self, data: str | bytes, now: float = 0.0) -> list[Sentence]:
        """Add text, or UTF-8 cut at any byte, and return the sentences that are now certain."""
        return self.feed_fragments(self._decoder.feed(data), now)

    def feed_fragments(self, fragments: Iterable[Fragment], now: float = 0.0) -> list[Sentence]:
        """Add text from another stage and return the sentences that are now certain."""
        self._written_at = now
        found: list[Sentence] = []
        for fragment in fragments:
            if fragment.begins or fragment.pause_ms or fragment.voice != self._voice:
                found += self._sentences(final=True)
                self._begins = max(self._begins, fragment.begins, Break.SENTENCE)
                self._pause_ms += fragment.pause_ms
                self._voice, self._continues = fragment.voice, False
                self._text, self._begin, self._map = "", 0, SourceMap()
            self._map.append(len(self._text), len(fragment.text), fragment.span)
            self._text += fragment.text
        return found + self._sentences(final=False)

    def tick(self, now: float) -> list[Sentence]:
        """Return the text to release if the writer has paused, else nothing."""
        if self._written_at is None or now - self._written_at < self._pause_s:
            return []
        text = self._text.rstrip()
        if self._text[len(text) :].count("\n"):
            return self._sentences(final=True)
        probe = text + _AFTER_FULL_STOP
        boundary = find_boundary(probe, self._begin, final=False, language=self._language)
        is_open_number = text == self._text and text[-2:-1].isdecimal()
        if isinstance(boundary, Boundary) and boundary.end == len(text) and not is_open_number:
            return self._sentences(final=True)
        if self._number == 0:
            cut = clause.first_clause(self._text + " ", self._begin, len(text) + 1, final=True)
            if cut:
                return self._cut(cut)
        return []

    def finish(self) -> list[Sentence]:
        """Return the remaining sentences; no more text follows."""
        found = self.feed_fragments(self._decoder.finish(), self._written_at or 0.0)
        found += self._sentences(final=True)
        self._text, self._begin = "", 0
        return found

    def _sentences(self, *, final: bool) -> list[Sentence]:
        found: list[Sentence] = []
        self._skip_space()
        while self._begin < len(self._text):
            boundary = find_boundary(
                self._text,
                self._begin,
                final=final,
                language=self._language,
                eager=self._number == 0,  # nothing is heard until the first sentence is certain
            )
            cut = self._early_cut(boundary)
            if cut is not None:
                found += self._cut(cut)
            elif isinstance(boundary, Boundary):
                found += self._take(boundary.end)
                self._begins = max(self._begins, boundary.kind)
                self._continues = False
                self._newlines = self._text.count("\n", boundary.end, boundary.resume)
                self._begin = boundary.resume
                self._skip_space()
            else:
                break
        self._trim()
        return found

    def _early_cut(self, boundary: Boundary | Undecided) -> int | None:
        """Return where to cut a sentence that is too long to wait for its ``boundary``."""
        ended = isinstance(boundary, Boundary)
        end = boundary.end if isinstance(boundary, Boundary) else boundary.position
        if end - self._begin > LONG_FIRST_SENTENCE and self._number == 0:
            cut = clause.first_clause(self._text, self._begin, end, final=ended)
            if cut is not None and cut < end:
                return cut
        if end - self._begin > MAX_SENTENCE:
            return clause.last_cut(self._text, self._begin, self._begin + MAX_SENTENCE)
        return None

    def _cut(self, end: int) -> list[Sentence]:
        """Emit the text up to ``end``, in the middle of a sentence."""
        found = self._take(end)
        self._begin, self._continues = end, self._continues or bool(found)
        self._skip_space()
        return found

    def _take(self, end: int) -> list[Sentence]:
        text = self._text[self._begin : end]
        if not any(character.isalnum() for character in text):
            return []
        sentence = Sentence(
            self._number,
            " ".join(_SPACE_BETWEEN_WIDE.sub("", text).split()),
            self._map.span(self._begin, self._begin + len(text.rstrip())),
            self._voice,
            self._pause_ms,
            self._begins is Break.PARAGRAPH,
            self._continues,
        )
        self._number += 1
        self._language = self._language.after(sentence.text)
        self._begins, self._pause_ms = Break.NONE, 0
        return [sentence]

    def _skip_space(self) -> None:
        """Skip white space; a blank line begins a paragraph."""
        space = _SPACE.match(self._text, self._begin)
        assert space is not None
        self._newlines += space[0].count("\n")
        self._begin = space.end()
        if self._begin < len(self._text):
            if self._newlines > 1:
                self._begins, self._continues = Break.PARAGRAPH, False
            self._newlines = 0

    def _trim(self) -> None:
        """Drop text that was emitted."""
        if self._begin:
            self._map.shift(self._begin)
            self._text, self._begin = self._text[self._begin :], 0
