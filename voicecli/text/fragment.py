"""Fragments: pieces of text that remember where they come from in the source."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from enum import IntEnum
from typing import NamedTuple

from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import Span

_SURROGATE = lazy_pattern("[\ud800-\udfff]")


class Break(IntEnum):
    """What begins with a fragment, weakest first."""

    NONE = 0
    SENTENCE = 1
    PARAGRAPH = 2


class Fragment(NamedTuple):
    """A piece of text as it is to be spoken, passed from one stage to the next.

    If ``text`` and ``span`` have the same length, each character stands for one character
    of the source; otherwise the text replaces the whole span. ``begins`` marks the start
    of a sentence or paragraph. ``pause_ms`` requests silence before the fragment. A pause
    and a change of ``voice`` (None: the configured voice) also start a new sentence. The
    text may be empty.
    """

    text: str
    span: Span
    begins: Break = Break.NONE
    pause_ms: int = 0
    voice: str | None = None

    @property
    def is_verbatim(self) -> bool:
        """Whether each character stands for one character of the source."""
        return len(self.text) == self.span.end - self.span.start

    def part(self, begin: int, end: int) -> Fragment:
        """Return the part from ``begin`` to ``end``, with its span.

        Only a part that starts at 0 keeps the break and the pause.
        """
        span = self.span
        if self.is_verbatim:
            span = Span(span.start + begin, span.start + end)
        if begin:
            return Fragment(self.text[begin:end], span, voice=self.voice)
        return Fragment(self.text[begin:end], span, self.begins, self.pause_ms, self.voice)


class TextDecoder:
    """Decode strings and UTF-8 bytes, split anywhere, into fragments.

    Invalid bytes and lone surrogates become U+FFFD. A leading byte order mark is dropped.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._position = 0

    def feed(self, data: str | bytes) -> list[Fragment]:
        """Return the text of ``data``, at most one fragment."""
        if isinstance(data, str):
            text = self._decoder.decode(b"", final=True) + _SURROGATE.sub("\ufffd", data)
        else:
            text = self._decoder.decode(data)
        return self._fragments(text)

    def finish(self) -> list[Fragment]:
        """Return U+FFFD if the input ended in the middle of a character."""
        return self._fragments(self._decoder.decode(b"", final=True))

    def _fragments(self, text: str) -> list[Fragment]:
        start, self._position = self._position, self._position + len(text)
        if start == 0 and text.startswith("\ufeff"):
            text, start = text[1:], 1
        return [Fragment(text, Span(start, start + len(text)))] if text else []


class SourceMap:
    """Map the characters of an assembled text to spans of the source."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._pieces: list[tuple[int, Span]] = []  # end in the text, span in the source

    def append(self, begin: int, length: int, span: Span) -> None:
        """Record that the next ``length`` characters, from ``begin``, come from ``span``."""
        if not length:
            return
        verbatim = length == span.end - span.start
        if verbatim and self._pieces:
            end, last = self._pieces[-1]
            was_verbatim = end - self._begins[-1] == last.end - last.start
            if was_verbatim and end == begin and last.end == span.start:
                self._pieces[-1] = (end + length, Span(last.start, span.end))
                return
        self._begins.append(begin)
        self._pieces.append((begin + length, span))

    def span(self, begin: int, end: int) -> Span:
        """Return the span of the characters from ``begin`` to ``end``; the range is not empty."""
        return Span(self._place(begin).start, self._place(end - 1).end)

    def shift(self, begin: int) -> None:
        """Drop the text before ``begin``, which becomes position 0."""
        first = bisect_right(self._begins, begin) - 1
        if first < 0:
            return
        head = max(0, begin - self._begins[first])
        begins = [max(0, at - begin) for at in self._begins[first:]]
        pieces = [(end - begin, span) for end, span in self._pieces[first:]]
        end, span = pieces[0]
        if end + head == span.end - span.start:
            pieces[0] = (end, Span(span.start + head, span.end))
        keep = 0 if end > 0 else 1
        self._begins, self._pieces = begins[keep:], pieces[keep:]

    def _place(self, at: int) -> Span:
        index = bisect_right(self._begins, at) - 1
        begin, (end, span) = self._begins[index], self._pieces[index]
        if end - begin == span.end - span.start:
            return Span(span.start + at - begin, span.start + at - begin + 1)
        return span
