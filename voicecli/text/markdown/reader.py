"""Read Markdown that arrives in pieces, and speak it as early as possible.

Paragraphs are passed on word by word. Headings, quotations, tables and code are held until
the next block shows that they are complete, list items until the next item. Each decision
depends on text up to a point determined by the text itself, so the result does not depend
on how the text is split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.text.fragment import Break, Fragment
from voicecli.text.markdown import lines
from voicecli.text.markdown.blocks import CodeBlocks, spoken_blocks
from voicecli.text.markdown.detect import looks_like_markdown
from voicecli.text.markdown.frontmatter import end_of_front_matter
from voicecli.text.markdown.lines import Kind
from voicecli.text.markdown.paragraph import ParagraphReader
from voicecli.text.markdown.plain import Piece
from voicecli.text.markdown.window import Place, Window
from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_BLOCK = 16_384
"""Longest block or list item to wait for. Fenced code is always read to its end."""

_MAY_BE_OVER = frozenset("#>-*+0123456789")
"""First characters of blocks that may be complete if the writer pauses after a line."""

_BLANK_LINES = lazy_pattern(r"(?:[ \t\r]*\n)+")
_CANDIDATE = lazy_pattern(r"\n[ \t]*(?:[^\W\d_])?")


class MarkdownReader:
    """The stage that turns Markdown into spoken text.

    Args:
        auto: read the text as prose until something looks like Markdown.
        code: what to do with code blocks.
    """

    def __init__(self, *, auto: bool = True, code: CodeBlocks = CodeBlocks.NAME) -> None:
        self._code = code
        self._window = Window(is_markdown=not auto)
        self._paragraph = ParagraphReader(self._window)

    def feed(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Return the text that later text cannot change."""
        found: list[Fragment] = []
        for fragment in fragments:
            if fragment.begins or fragment.pause_ms or fragment.voice != self._window.voice:
                found += self._read(final=True)
                self._window.reset(fragment.voice)
                if fragment.begins or fragment.pause_ms:
                    found.append(fragment.part(0, 0))
            self._window.append(fragment)
        return found + self._read(final=False)

    def flush(self) -> list[Fragment]:
        """Return the text to release when the writer pauses: nothing with open markup."""
        window = self._window
        if window.place is Place.PARAGRAPH:
            return self._paragraph.flush()
        if window.place is Place.BLOCK:
            rest = window.text[window.at :]
            if rest.endswith("\n") and rest.lstrip()[:1] in _MAY_BE_OVER:
                return self._take_blocks(len(window.text), Break.SENTENCE)
        return []

    def finish(self) -> list[Fragment]:
        """Return the rest; no more text follows."""
        return self._read(final=True)

    def _read(self, *, final: bool) -> list[Fragment]:
        found: list[Fragment] = []
        window = self._window
        while window.at < len(window.text):
            if window.place is Place.PARAGRAPH:
                step = self._paragraph.step(final=final)
            elif window.place is Place.BLOCK:
                step = self._block_step(final=final)
            else:
                step = self._between_step(final=final)
            if step is None:
                break
            found += step
        window.trim()
        return found

    def _between_step(self, *, final: bool) -> list[Fragment] | None:
        """Find out what kind of block begins here."""
        window = self._window
        if window.passed + window.at == 0:
            end = end_of_front_matter(window.text, final=final)
            if end is None:
                return None
            if end:
                window.at, window.is_markdown = end, True
                return []
        if blank := _BLANK_LINES.match(window.text, window.at):
            window.at, window.begins = blank.end(), Break.PARAGRAPH
            return []
        kind = lines.kind_of_line(window.text, window.at, final=final)
        if kind is Kind.OPEN:
            return None
        if kind is Kind.BLOCK and not window.is_markdown:
            line = window.line(window.at, final=final)
            if line is None:
                return None
            window.is_markdown = looks_like_markdown(line)
        if kind is Kind.BLOCK and window.is_markdown:
            window.begin_block()
        else:
            window.begin_paragraph()
        return []

    def _block_step(self, *, final: bool) -> list[Fragment] | None:
        """Emit the block that begins here, or its first item, if it is complete."""
        window = self._window
        if lines.is_fence(window.text, window.at):
            end = lines.end_of_fence(window.text, window.at, window.checked)
            if end is None and not final:
                window.checked = window.text.rindex("\n") + 1 if "\n" in window.text else window.at
                return None
            return self._take_blocks(end or len(window.text), Break.PARAGRAPH)
        for place in self._candidates():
            window.checked = place
            if not self._goes_on(place) and window.is_due(place):
                complete = lines.complete_blocks(window.text[window.at : place])
                window.in_table = complete.is_table
                if complete.length:
                    following = Break.SENTENCE if complete.is_list else Break.PARAGRAPH
                    return self._take_blocks(window.at + complete.length, following)
            if place - window.at > MAX_BLOCK:
                return self._take_blocks(place, Break.PARAGRAPH)
        return self._take_blocks(len(window.text), Break.PARAGRAPH) if final else None

    def _goes_on(self, place: int) -> bool:
        """Whether the line that ends at ``place`` must belong to the current block or item.

        This saves parsing a long block again for every line.
        """
        window = self._window
        line = window.text[window.text.rfind("\n", 0, place - 1) + 1 : place]
        first = window.text[window.at : window.at + lines.MAX_LINE].lstrip()[:1]
        if not line.endswith("\n"):
            return False
        if window.in_table or first == ">":
            return line.startswith("|" if window.in_table else ">")
        inner = line.lstrip()[:1]
        is_indented = line.startswith("  ") and not (inner in _MAY_BE_OVER or inner.isdecimal())
        return is_indented and first in _MAY_BE_OVER

    def _candidates(self) -> Iterator[int]:
        """Yield the positions at which a block can turn out to be complete.

        These are line ends and the first letters of lines.
        """
        window = self._window
        for match in _CANDIDATE.finditer(window.text, max(window.at, window.checked - 1)):
            for place in (match.start() + 1, match.end()):
                is_open = place == len(window.text) and window.text[place - 1] in " \t"
                if place > window.checked and not is_open:
                    yield place

    def _take_blocks(self, end: int, following: Break) -> list[Fragment]:
        """Emit the whole blocks from here to ``end``."""
        window = self._window
        start, heard = window.at, window.heard_to
        window.begins = window.begins or Break.PARAGRAPH
        is_first = True
        found: list[Fragment] = []
        for (text, begin, stop), begins in spoken_blocks(window.text[start:end], self._code):
            if not is_first:
                window.begins = begins or window.begins
            is_first = False
            if heard > start + begin and start + stop <= heard:
                window.begins = Break.NONE
                continue
            cut = max(0, heard - start - begin) if heard > start else 0
            piece = Piece(text[cut:], start + begin + cut, start + stop)
            found += window.pass_on([piece], start)
        return [*found, window.end_block(end, following)]
