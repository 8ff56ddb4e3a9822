"""Read a paragraph that arrives in pieces, and pass it on word by word.

Text is passed on immediately up to the first character that may be markup. From there on
it is held until the markup closes, the paragraph ends, or `MAX_OPEN` is reached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.fragment import Break, Fragment
from voicecli.text.markdown import lines
from voicecli.text.markdown.detect import looks_like_markdown
from voicecli.text.markdown.inline import open_mark, spoken_inline
from voicecli.text.markdown.lines import Next
from voicecli.text.markdown.plain import Piece, may_go_on, spoken_plain
from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from voicecli.text.markdown.window import Window

MAX_OPEN = 400
"""Longest text held back by unclosed markup, which is then taken literally."""

_SPECIAL = lazy_pattern(r"[*_~`[<&\\|\n]|!(?=\[|\Z)|(?<![\w@])(?:https?://|www\.)", re.IGNORECASE)
_MARKS = "*_~`[]()<>!&\\"
_MARK = lazy_pattern(r"[*_~`\[\]()<>!&\\\n]")
_EACH_WORD = 24
"""Words after which it is looked at each whether markup is open."""

_URL_END = lazy_pattern(r"[\s<>\"`|]")
_WORD_END = lazy_pattern(r"(?<=\S)\s|\n")


class _LineBreak(NamedTuple):
    """How a line break continues, and where reading resumes."""

    how: Next
    resume: int


class ParagraphReader:
    """Reads the paragraph at the current position of a window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._open_since = -1  # in all text so far: where the last test for open markup began
        self._open_until = 0  # how far from there it was tested

    def step(self, *, final: bool) -> list[Fragment] | None:
        """Return the next part of the paragraph, or None if more text is needed.

        ``final`` means that no more text follows.
        """
        window = self._window
        special = _SPECIAL.search(window.text, window.at)
        if special is None:
            end = len(window.text)
            if not final and (maybe := may_go_on(window.text, window.at)) is not None:
                end = maybe
            return self._pass_plain(end) if end > window.at else None
        if special.start() > window.at:
            return self._pass_plain(special.start())
        if special[0] == "\n":
            return self._at_line_break(final=final)
        if special[0] == "|":
            return self._at_pipe(final=final)
        if len(special[0]) > 1:
            return self._at_address(special.end(), final=final)
        is_open = special[0] == "!" and special.end() == len(window.text) and not final
        return None if is_open else self._at_mark(final=final)

    def flush(self) -> list[Fragment]:
        """Return the rest of the text so far, unless markup is open in it."""
        window = self._window
        rest = window.text[window.at :].rstrip()
        if "\n" in rest or open_mark(rest, window.before) is not None:
            return []
        return self._pass_spoken(window.at + len(rest))

    def _at_line_break(self, *, final: bool) -> list[Fragment] | None:
        line_break = self._line_break(self._window.at, final=final)
        if line_break is None:
            return None
        if line_break.how is Next.CONTINUES:
            return self._pass_plain(line_break.resume)
        return [self._window.end_block(line_break.resume, Break.PARAGRAPH)]

    def _line_break(self, at: int, *, final: bool) -> _LineBreak | None:
        """Classify the line break at ``at``; None if more text is needed."""
        text, first = self._window.text, at + 1
        while first < len(text) and text[first] in " \t\r":
            first += 1
        if first == len(text):
            return _LineBreak(Next.ENDS, first) if final else None
        if text[first] == "\n":
            return _LineBreak(Next.ENDS, at + 1)
        if lines.starts_plainly(text, first):
            return _LineBreak(Next.CONTINUES, first)
        line = self._window.line(at + 1, final=final)
        if line is None:
            return None
        how = lines.next_line(line) if self._is_markdown(line) else Next.CONTINUES
        resume = {Next.CONTINUES: first, Next.UNDERLINES: at + 1 + len(line), Next.ENDS: at + 1}
        return _LineBreak(how, resume[how])

    def _at_pipe(self, *, final: bool) -> list[Fragment] | None:
        """Pass on a pipe, unless the next line shows that this is a table."""
        window = self._window
        if window.may_be_table:
            head = window.line(window.paragraph, final=final)
            if head is None:
                return None
            begin = window.paragraph + len(head) + 1
            below = window.line(begin, final=final) if begin <= len(window.text) else ""
            if below is None:
                return None
            if lines.is_table_head(head, below):
                window.is_markdown = True
                window.paragraph_is_table()
                return []
        return self._pass_plain(window.at + 1)

    def _at_address(self, begin: int, *, final: bool) -> list[Fragment] | None:
        """Pass on a URL once it is complete."""
        window = self._window
        limit = min(len(window.text), window.at + MAX_OPEN)
        end = _URL_END.search(window.text, begin, limit)
        if end is None and not final and limit < window.at + MAX_OPEN:
            return None
        return self._pass_plain(end.start() if end else limit)

    def _at_mark(self, *, final: bool) -> list[Fragment] | None:
        """Pass on text up to the first word after which no markup is open.

        After many words with marks of their own, only each eighth is looked at: crafted text
        would take a parse of all of it for every word.
        """
        window = self._window
        text, start = window.text, window.at
        place, limit = start, start + 2 * MAX_OPEN
        may_close, tests = True, 0
        while word := _WORD_END.search(text, place + 1, limit):
            before, place = place, word.start()
            if text[place] == "\n":
                line_break = self._line_break(place, final=final)
                if line_break is None:
                    return None
                if line_break.how is not Next.CONTINUES:
                    return self._pass_spoken(place)
            has_mark = _MARK.search(text, before, place) is not None
            may_close, is_due = has_mark or text[place - 1] in _MARKS, may_close or has_mark
            if place - start > MAX_OPEN:
                return self._pass_spoken(place)
            if is_due:
                tests += 1
                if (tests <= _EACH_WORD or tests % 8 == 0) and self._is_closed(start, place):
                    return self._pass_spoken(place)
        if len(text) >= limit or final:
            return self._pass_spoken(min(limit, len(text)))
        return None

    def _is_closed(self, start: int, place: int) -> bool:
        """Whether no markup is open at ``place``; looked up if it was tested before."""
        window = self._window
        key = window.passed + start, place - start
        if self._open_since != key[0]:
            self._open_since, self._open_until = key[0], 0
        if key[1] <= self._open_until:
            return False
        self._open_until = key[1]
        return open_mark(window.text[start:place], window.before) is None

    def _is_markdown(self, source: str) -> bool:
        """Whether the text is known to be Markdown, now that ``source`` has arrived."""
        self._window.is_markdown = self._window.is_markdown or looks_like_markdown(source)
        return self._window.is_markdown

    def _pass_plain(self, end: int) -> list[Fragment]:
        window = self._window
        return window.pass_on(spoken_plain(window.text, window.at, end), end)

    def _pass_spoken(self, end: int) -> list[Fragment]:
        window, start = self._window, self._window.at
        source = window.text[start:end]
        if not self._is_markdown(source):
            return self._pass_plain(end)
        pieces = spoken_inline(source, window.before)
        return window.pass_on(
            [Piece(text, start + begin, start + stop) for text, begin, stop in pieces], end
        )
