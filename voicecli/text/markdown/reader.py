"""Markdown that arrives in pieces, spoken as soon as its meaning is certain.

Text of a paragraph passes at once up to the first character that may be markup; from
there on it waits until the markup has closed. Headings, lists, quotations, tables and
code wait until the next block shows that they are complete, items of a list for the next
item. Every decision looks at text up to a place that the text itself determines, so that
the same is spoken however it is split.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.fragment import Break, Fragment, SourceMap
from voicecli.text.markdown import lines
from voicecli.text.markdown.blocks import CodeBlocks, spoken_blocks
from voicecli.text.markdown.detect import looks_like_markdown
from voicecli.text.markdown.inline import open_mark, spoken_inline
from voicecli.text.markdown.lines import Kind, Next
from voicecli.text.markdown.plain import Piece, may_go_on, spoken_plain
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_OPEN = 400
"""Characters that markup within a paragraph may hold back; then it is taken literally."""

MAX_BLOCK = 16_384
"""Longest block, or item of a list, that is waited for."""

_MAY_END = frozenset("#>-*+0123456789")
_SPECIAL = lazy_pattern(r"[*_~`[<&\\|\n]|!(?=\[|\Z)|(?<![\w@])(?:https?://|www\.)", re.IGNORECASE)
_URL_END = lazy_pattern(r"[\s<>\"`|]")
_BLANK_LINES = lazy_pattern(r"(?:[ \t\r]*\n)+")
_WORD_END = lazy_pattern(r"(?<=\S)\s|\n")
_CANDIDATE = lazy_pattern(r"\n[ \t]*(?:[^\W\d_])?")


class _LineBreak(NamedTuple):
    """What a line break within a paragraph is: what follows it, and where that begins."""

    how: Next
    resume: int


class MarkdownReader:
    """The stage that reads Markdown: fragments in, fragments out.

    Args:
        auto: take the text for prose until something in it looks like Markdown.
        code: what is done with code blocks.
    """

    def __init__(self, *, auto: bool = True, code: CodeBlocks = CodeBlocks.NAME) -> None:
        self._auto = auto
        self._certain = not auto
        self._code = code
        self._head: Fragment | None = None
        self._begin_text()

    def feed(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Return what is certain of the text so far."""
        found: list[Fragment] = []
        for fragment in fragments:
            head = self._head
            if head is None or fragment.begins or fragment.pause_ms or fragment.voice != head.voice:
                found += self._read(final=True)
                self._begin_text()
                self._head = fragment.part(0, 0)
                if fragment.begins or fragment.pause_ms:
                    found.append(self._head)
            self._map.append(len(self._text), len(fragment.text), fragment.span)
            self._text += fragment.text
        return found + self._read(final=False)

    def flush(self) -> list[Fragment]:
        """Return what can be spoken if the writer pauses: a paragraph without open markup."""
        rest = self._text[self._at :].rstrip()
        if self._in_block:
            # A table or a fence may go on; a heading, a quotation or an item may as well be over.
            is_line = self._text.endswith("\n") and rest[:1] in _MAY_END
            return self._take_blocks(len(self._text), Break.SENTENCE) if is_line else []
        if not self._in_paragraph or "\n" in rest or open_mark(rest, self._before) is not None:
            return []
        end = self._at + len(rest)
        return self._emit(self._spoken(self._at, end), end)

    def finish(self) -> list[Fragment]:
        """Return the rest: no text follows."""
        return self._read(final=True)

    def _begin_text(self) -> None:
        self._text = ""
        self._map = SourceMap()
        self._at = 0  # what is before has been passed on
        self._spoken_to = 0  # and in a table that began as a paragraph, so has this
        self._paragraph = 0  # where the paragraph began
        self._is_first_line = True
        self._in_paragraph = False
        self._in_block = False
        self._checked = 0  # places before it have been looked at
        self._begins = Break.NONE

    def _read(self, *, final: bool) -> list[Fragment]:
        found: list[Fragment] = []
        while self._at < len(self._text):
            if self._in_paragraph:
                step = self._paragraph_step(final=final)
            elif self._in_block:
                step = self._block_step(final=final)
            else:
                step = self._begin_step(final=final)
            if step is None:
                break
            found += step
        self._trim()
        return found

    # At the beginning of a block.

    def _begin_step(self, *, final: bool) -> list[Fragment] | None:
        if blank := _BLANK_LINES.match(self._text, self._at):
            self._at, self._begins = blank.end(), Break.PARAGRAPH
            return []
        kind = lines.kind_of_line(self._text, self._at, final=final)
        if kind is Kind.OPEN:
            return None
        if kind is Kind.BLOCK and not self._certain:
            line = self._line(self._at, final=final)
            if line is None:
                return None
            self._certain = looks_like_markdown(line)
        if kind is Kind.BLOCK and self._certain:
            self._in_block, self._checked, self._spoken_to = True, self._at, self._at
        else:
            self._in_paragraph, self._paragraph, self._is_first_line = True, self._at, True
        return []

    def _line(self, at: int, *, final: bool) -> str | None:
        """Return the line that begins at ``at``, cut to what is looked at; None if incomplete."""
        end = self._text.find("\n", at, at + lines.MAX_LINE)
        if end < 0:
            if len(self._text) - at < lines.MAX_LINE and not final:
                return None
            end = min(len(self._text), at + lines.MAX_LINE)
        return self._text[at:end]

    # Within headings, lists, quotations, tables and code.

    def _block_step(self, *, final: bool) -> list[Fragment] | None:
        end = lines.end_of_fence(self._text, self._at, final=final)
        if end is None:
            return None
        if end > self._at:
            return self._take_blocks(end, Break.PARAGRAPH)
        for place in self._candidates():
            self._checked = place
            length, is_list = lines.complete_blocks(self._text[self._at : place])
            if length:
                return self._take_blocks(
                    self._at + length, Break.SENTENCE if is_list else Break.PARAGRAPH
                )
            if place - self._at > MAX_BLOCK:
                return self._take_blocks(place, Break.PARAGRAPH)
        return self._take_blocks(len(self._text), Break.PARAGRAPH) if final else None

    def _candidates(self) -> Iterator[int]:
        """Yield the places where a block can turn out to be complete: the first letter of a line,
        and the end of one.
        """
        for match in _CANDIDATE.finditer(self._text, max(self._at, self._checked - 1)):
            for place in (match.start() + 1, match.end()):
                is_open = place == len(self._text) and self._text[place - 1] in " \t"
                if place > self._checked and not is_open:
                    yield place

    def _take_blocks(self, end: int, following: Break) -> list[Fragment]:
        start, heard = self._at, self._spoken_to
        first = True
        found: list[Fragment] = []
        for (text, begin, stop), begins in spoken_blocks(self._text[start:end], self._code):
            self._begins = (self._begins or Break.PARAGRAPH) if first else begins or self._begins
            first = False
            if heard > start + begin and start + stop <= heard:
                self._begins = Break.NONE
                continue
            cut = max(0, heard - start - begin) if heard > start else 0
            found += self._emit_pieces([Piece(text[cut:], start + begin + cut, start + stop)])
        self._at, self._in_block = end, False
        return [*found, self._end(following)]

    # Within a paragraph.

    def _paragraph_step(self, *, final: bool) -> list[Fragment] | None:
        special = _SPECIAL.search(self._text, self._at)
        if special is None:
            end = len(self._text)
            if not final and (maybe := may_go_on(self._text, self._at)) is not None:
                end = maybe
            return self._emit_plain(end) if end > self._at else None
        if special.start() > self._at:
            return self._emit_plain(special.start())
        if special[0] == "\n":
            return self._line_break_step(final=final)
        if special[0] == "|":
            return self._pipe_step(final=final)
        if special[0] == "!" and special.end() == len(self._text) and not final:
            return None
        return self._mark_step(special, final=final)

    def _line_break_step(self, *, final: bool) -> list[Fragment] | None:
        line_break = self._line_break(self._at, final=final)
        if line_break is None:
            return None
        if line_break.how is Next.CONTINUES:
            return self._emit_plain(line_break.resume)
        self._at, self._in_paragraph = line_break.resume, False
        return [self._end(Break.PARAGRAPH)]

    def _line_break(self, at: int, *, final: bool) -> _LineBreak | None:
        """Return what the line break at ``at`` is; None if that depends on text to come."""
        text, first = self._text, at + 1
        while first < len(text) and text[first] in " \t\r":
            first += 1
        if first == len(text):
            return _LineBreak(Next.ENDS, first) if final else None
        if text[first] == "\n":
            return _LineBreak(Next.ENDS, at + 1)
        if lines.starts_plainly(text, first):
            return _LineBreak(Next.CONTINUES, first)
        line = self._line(at + 1, final=final)
        if line is None:
            return None
        if not self._certain:
            if not looks_like_markdown(line):
                return _LineBreak(Next.CONTINUES, first)
            self._certain = True
        how = lines.next_line(line)
        if how is Next.UNDERLINES:
            return _LineBreak(how, at + 1 + len(line))
        return _LineBreak(how, first if how is Next.CONTINUES else at + 1)

    def _pipe_step(self, *, final: bool) -> list[Fragment] | None:
        """A table's first line may begin like a paragraph: the line below tells."""
        if self._may_be_table:
            head = self._line(self._paragraph, final=final)
            if head is None:
                return None
            below_at = self._paragraph + len(head) + 1
            below = self._line(below_at, final=final) if below_at <= len(self._text) else ""
            if below is None:
                return None
            if lines.is_table_head(head, below):
                self._in_paragraph, self._in_block, self._certain = False, True, True
                heard = self._text[self._paragraph : self._at].rstrip()
                self._spoken_to, self._at = self._paragraph + len(heard), self._paragraph
                self._checked = self._at
                return []
        return self._emit_plain(self._at + 1)

    def _mark_step(self, special: re.Match[str], *, final: bool) -> list[Fragment] | None:
        """Pass on text from a mark to the first word after which nothing is open."""
        start = self._at
        if len(special[0]) > 1:  # an address
            end = _URL_END.search(self._text, special.end())
            if end is None and not final and len(self._text) - start < MAX_OPEN:
                return None
            stop = end.start() if end else min(len(self._text), start + MAX_OPEN)
            return self._emit(spoken_plain(self._text, start, stop), stop)
        place = start
        while word := _WORD_END.search(self._text, place + 1):
            place = word.start()
            if self._text[place] == "\n":
                line_break = self._line_break(place, final=final)
                if line_break is None:
                    return None
                if line_break.how is not Next.CONTINUES:
                    return self._emit(self._spoken(start, place), place)
            is_open = open_mark(self._text[start:place], self._before) is not None
            if not is_open or place - start > MAX_OPEN:
                return self._emit(self._spoken(start, place), place)
        if len(self._text) - start > 2 * MAX_OPEN:
            return self._emit(self._spoken(start, start + 2 * MAX_OPEN), start + 2 * MAX_OPEN)
        if final:
            return self._emit(self._spoken(start, len(self._text)), len(self._text))
        return None

    def _spoken(self, begin: int, end: int) -> list[Piece]:
        """Return what is spoken of a part of a paragraph."""
        source = self._text[begin:end]
        if not self._certain:
            self._certain = looks_like_markdown(source)
        if not self._certain:
            return spoken_plain(self._text, begin, end)
        pieces = spoken_inline(source, self._before)
        return [Piece(text, begin + first, begin + last) for text, first, last in pieces]

    @property
    def _may_be_table(self) -> bool:
        """Whether the paragraph may still turn out to be the head of a table."""
        return self._is_first_line and self._at - self._paragraph < lines.MAX_LINE

    @property
    def _before(self) -> str:
        """The character before what is not passed on yet."""
        return self._text[self._at - 1] if self._at > self._paragraph else " "

    # Passing on.

    def _emit_plain(self, end: int) -> list[Fragment]:
        return self._emit(spoken_plain(self._text, self._at, end), end)

    def _emit(self, pieces: list[Piece], end: int) -> list[Fragment]:
        """Return pieces of the text from here to ``end``, and go on there."""
        if "\n" in self._text[self._at : end]:
            self._is_first_line = False
        self._at = end
        return self._emit_pieces(pieces)

    def _end(self, following: Break) -> Fragment:
        """Return the end of a block, so that its last sentence need not wait for the next."""
        self._begins = following
        span = self._map.span(self._at - 1, self._at)
        voice = self._head.voice if self._head else None
        return Fragment("", Span(span.end, span.end), following, voice=voice)

    def _emit_pieces(self, pieces: list[Piece]) -> list[Fragment]:
        found = []
        for text, begin, end in pieces:
            if not text or (self._begins and not text.strip()):
                continue
            span = self._map.span(begin, max(begin + 1, end))
            if end <= begin:
                span = span._replace(end=span.start)
            voice = self._head.voice if self._head else None
            found.append(Fragment(text, span, self._begins, voice=voice))
            self._begins = Break.NONE
        return found

    def _trim(self) -> None:
        """Forget text that was passed on, but for what may become the head of a table."""
        keep = self._at
        if self._in_paragraph:
            keep = max(0, self._paragraph if self._may_be_table else self._at - 2)
        self._text = self._text[keep:]
        self._map.shift(keep)
        self._at -= keep
        self._paragraph -= keep
        self._spoken_to -= keep
        self._checked -= keep
