"""Text in pieces of any size in, sentences out as soon as they are certain.

The same text gives the same sentences however it is split: see `boundary`. Only a pause
of the writer, which the caller's clock reports, releases sentences earlier.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.text import clause
from voicecli.text.boundary import Boundary, Undecided, find_boundary
from voicecli.text.fragment import Break, Fragment, SourceMap, TextDecoder
from voicecli.text.segment import NO_SPACE_SCRIPTS, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

PAUSE_MS = 400
"""A writer who sends nothing for this long has paused."""

ROUNDING_S = 1e-6
"""A pause may be so much shorter: a clock's differences are rounded."""

LONG_FIRST_SENTENCE = 120
"""Characters of the first sentence after which its first clause is spoken at once."""

MAX_SENTENCE = 1000
"""Characters after which any sentence is cut, so that text without full stops is bounded."""

_SPACE_BETWEEN_WIDE = re.compile(rf"(?<=[{NO_SPACE_SCRIPTS}])\s*\n\s*(?=[{NO_SPACE_SCRIPTS}])")
_SPACE = re.compile(r"\s*")
_AFTER_FULL_STOP = " Xq xq"
"""Text that lets the boundary before it be decided."""


class Segmenter:
    """Cuts text into sentences.

    Feed it in order and call `finish` once. Times are seconds of any one clock. Nothing
    here blocks or raises; a piece without a letter or a digit is not spoken.

    Args:
        language: code such as ``de``; None guesses it for each sentence by its script.
        pause_ms: silence of the writer after which the first clause is spoken, and a
            sentence that seems complete.
    """

    def __init__(self, language: str | None = None, *, pause_ms: int = PAUSE_MS) -> None:
        self._language = language
        self._pause_s = pause_ms / 1e3 - ROUNDING_S
        self._decoder = TextDecoder()
        self._written: float | None = None
        self._text = ""
        self._begin = 0
        self._map = SourceMap()
        self._voice: str | None = None
        self._pause_ms = 0
        self._begins = Break.PARAGRAPH
        self._continues = False
        self._newlines = 0  # passed since the last sentence
        self._number = 0

    def feed(self, data: str | bytes, now: float = 0.0) -> list[Sentence]:
        """Return the sentences that ``data``, text or UTF-8 cut anywhere, makes certain."""
        return self.feed_fragments(self._decoder.feed(data), now)

    def feed_fragments(self, fragments: Iterable[Fragment], now: float = 0.0) -> list[Sentence]:
        """Return the sentences that text from another stage makes certain."""
        self._written = now
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
        """Return what a pause of the writer makes worth speaking, if there is one."""
        if self._written is None or now - self._written < self._pause_s:
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
        """Return the rest: no text follows."""
        found = self.feed_fragments(self._decoder.finish(), self._written or 0.0)
        found += self._sentences(final=True)
        self._text, self._begin = "", 0
        return found

    def _sentences(self, *, final: bool) -> list[Sentence]:
        found: list[Sentence] = []
        self._skip_space()
        while self._begin < len(self._text):
            boundary = find_boundary(self._text, self._begin, final=final, language=self._language)
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
        """Where to cut before ``boundary``, if the sentence is too long to wait for it."""
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
        """Take the text up to ``end``, which is within a sentence."""
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
        self._begins, self._pause_ms = Break.NONE, 0
        return [sentence]

    def _skip_space(self) -> None:
        """Pass white space; more than one line of it is the end of a paragraph."""
        space = _SPACE.match(self._text, self._begin)
        assert space is not None
        self._newlines += space[0].count("\n")
        self._begin = space.end()
        if self._begin < len(self._text):
            if self._newlines > 1:
                self._begins, self._continues = Break.PARAGRAPH, False
            self._newlines = 0

    def _trim(self) -> None:
        """Forget text that was taken."""
        if self._begin:
            self._map.shift(self._begin)
            self._text, self._begin = self._text[self._begin :], 0
