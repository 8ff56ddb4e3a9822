"""The text that a reader has not passed on yet, and the way out of it."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from voicecli.text.fragment import Break, Fragment, SourceMap
from voicecli.text.markdown.lines import MAX_LINE
from voicecli.text.segment import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.text.markdown.plain import Piece


class Place(Enum):
    """Where in a document a reader is."""

    BETWEEN = auto()
    PARAGRAPH = auto()
    BLOCK = auto()


class Window:
    """Text that arrives at the end and leaves at the beginning.

    Attributes:
        text: what is kept. Positions count its characters.
        at: what is before has been passed on.
        place: what the text at ``at`` is in.
        paragraph: where the paragraph began; less than 0 if that is not kept.
        may_be_table: the paragraph may still turn out to be the head of a table.
        heard_to: in a table that began as a paragraph, what is before has been passed on.
        checked: in a block, places before it have been looked at.
        in_table: the block is a table.
        begins: what the next fragment begins.
        is_markdown: something in the text looked like Markdown.
        voice: the voice of all of it.
    """

    def __init__(self, *, is_markdown: bool) -> None:
        self.is_markdown = is_markdown
        self.reset(None)

    def reset(self, voice: str | None) -> None:
        """Begin another text."""
        self.text = ""
        self.at = self.heard_to = self.paragraph = self.checked = 0
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
        """The character before ``at`` in the same paragraph, else a space."""
        return self.text[self.at - 1] if self.at > self.paragraph else " "

    def line(self, begin: int, *, final: bool) -> str | None:
        """Return the line at ``begin``, at most `MAX_LINE` of it; None if it is incomplete."""
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

    def paragraph_is_table(self) -> None:
        """Go back to the beginning of the paragraph, which is a table."""
        heard = self.text[self.paragraph : self.at].rstrip()
        self.at = self.paragraph
        self.begin_block()
        self.heard_to = self.at + len(heard)

    def pass_on(self, pieces: Iterable[Piece], end: int) -> list[Fragment]:
        """Return ``pieces`` of the text from here to ``end``, and go on there."""
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
        """Go on at ``end``, after a block.

        Returns the break, so that the last sentence need not wait for the next block.
        """
        self.at, self.place, self.begins = end, Place.BETWEEN, following
        place = self._map.span(end - 1, end).end
        return Fragment("", Span(place, place), following, voice=self.voice)

    def trim(self) -> None:
        """Forget what was passed on, but for what may become the head of a table."""
        keep = self.at
        if self.place is Place.PARAGRAPH:
            keep = max(0, self.paragraph if self.may_be_table else self.at - 2)
        self.text = self.text[keep:]
        self._map.shift(keep)
        self.at -= keep
        self.paragraph -= keep
        self.heard_to -= keep
        self.checked -= keep
