"""The part of the text that a reader has not passed on yet."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from voicecli.text.fragment import Break, Fragment, SourceMap
from voicecli.text.markdown.lines import MAX_LINE
from voicecli.text.segment import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.text.markdown.plain import Piece


_EACH_TIME = 32
"""Attempts to parse a block at each line; then at every quarter that it grows by."""


class Place(Enum):
    """The kind of text at the current position."""

    BETWEEN = auto()
    PARAGRAPH = auto()
    BLOCK = auto()


class Window:
    """A text buffer: text is appended at the end and passed on at the start.

    Attributes:
        text: the buffered text; all positions are offsets into it.
        passed: how many characters were dropped in front of it.
        at: the current position; text before it has been passed on.
        place: the kind of text at ``at``.
        paragraph: start of the current paragraph; negative if no longer buffered.
        may_be_table: whether the paragraph may still turn out to be a table header.
        heard_to: end of the text already passed on in a table that began as a paragraph.
        checked: in a block, positions up to this one have been examined.
        in_table: whether the current block is a table.
        parsed: how often the current block has been parsed in vain.
        begins: the break before the next fragment.
        is_markdown: whether something in the text looked like Markdown.
        voice: the voice of the buffered text.
    """

    def __init__(self, *, is_markdown: bool) -> None:
        self.is_markdown = is_markdown
        self.text, self.passed = "", 0
        self.reset(None)

    def reset(self, voice: str | None) -> None:
        """Discard everything and start a new text."""
        self.passed += len(self.text)
        self.text = ""
        self.at = self.heard_to = self.paragraph = self.checked = 0
        self.parsed = self._next_length = 0
        self.place = Place.BETWEEN
        self.may_be_table = self.in_table = False
        self.begins = Break.NONE
        self.voice = voice
        self._map = SourceMap()

    def append(self, fragment: Fragment) -> None:
        """Add text at the end."""
        self._map.append(len(self.text), len(fragment.text), fragment.span)
        self.text += fragment.text

    @property
    def before(self) -> str:
        """The character before ``at`` in the same paragraph, or a space."""
        return self.text[self.at - 1] if self.at > self.paragraph else " "

    def line(self, begin: int, *, final: bool) -> str | None:
        """Return up to `MAX_LINE` characters of the line at ``begin``; None if it is incomplete."""
        end = self.text.find("\n", begin, begin + MAX_LINE)
        if end < 0:
            if len(self.text) - begin < MAX_LINE and not final:
                return None
            end = min(len(self.text), begin + MAX_LINE)
        return self.text[begin:end]

    def begin_paragraph(self) -> None:
        """Begin a paragraph here."""
        self.place, self.paragraph, self.may_be_table = Place.PARAGRAPH, self.at, True

    def begin_block(self) -> None:
        """Begin another block here."""
        self.place, self.checked, self.heard_to = Place.BLOCK, self.at, self.at
        self.in_table = False
        self.parsed = self._next_length = 0

    def is_due(self, place: int) -> bool:
        """Whether to parse the block up to ``place``; seldom if it has been long in vain.

        Parsing a block of n lines again for each of them would take n² steps.
        """
        length = place - self.at
        if length < self._next_length:
            return False
        self.parsed += 1
        if self.parsed >= _EACH_TIME:
            self._next_length = length + length // 4
        return True

    def paragraph_is_table(self) -> None:
        """Return to the start of the paragraph, which turned out to be a table."""
        heard = self.text[self.paragraph : self.at].rstrip()
        self.at = self.paragraph
        self.begin_block()
        self.heard_to = self.at + len(heard)

    def pass_on(self, pieces: Iterable[Piece], end: int) -> list[Fragment]:
        """Advance to ``end`` and return ``pieces`` as fragments."""
        if "\n" in self.text[self.at : end] or end - self.paragraph >= MAX_LINE:
            self.may_be_table = False
        self.at = end
        found = []
        for piece in pieces:
            if not piece.text or (self.begins and not piece.text.strip()):
                continue
            span = self._map.span(piece.begin, max(piece.begin + 1, piece.end))
            if piece.end <= piece.begin:
                span = Span(span.start, span.start)
            found.append(Fragment(piece.text, span, self.begins, voice=self.voice))
            self.begins = Break.NONE
        return found

    def end_block(self, end: int, following: Break) -> Fragment:
        """Advance to ``end``, the end of a block.

        Returns a break, so that the last sentence need not wait for the next block.
        """
        self.at, self.place, self.begins = end, Place.BETWEEN, following
        place = self._map.span(end - 1, end).end
        return Fragment("", Span(place, place), following, voice=self.voice)

    def trim(self) -> None:
        """Drop text that was passed on, unless it may be part of a table header."""
        keep = self.at
        if self.place is Place.PARAGRAPH:
            keep = max(0, self.paragraph if self.may_be_table else self.at - 2)
        self.text = self.text[keep:]
        self.passed += keep
        self._map.shift(keep)
        self.at -= keep
        self.paragraph -= keep
        self.heard_to -= keep
        self.checked -= keep
