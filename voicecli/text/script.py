"""Read scripts: ``VOICE: line`` for several voices, ``[500ms]`` for a pause.

::

    narrator: It was late. [1.5s]
    kokoro/af_bella: Is anybody there?
    This line is hers too.

A line without a voice continues the line before; before the first voice, the configured
voice speaks. The name of a voice contains no spaces, and its colon is followed by white
space or the end of the line. Pauses may appear anywhere, in ``ms`` or ``s``, up to one
minute. A pause at the very end is ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicecli.text.fragment import Break, Fragment
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PAUSE_MS = 60_000
"""Longest pause; longer ones are shortened to it."""

_MAX_VOICE = 100
_MAX_PAUSE_TEXT = 12

_VOICE = lazy_pattern(rf"[ \t]*([\w./+()@-]{{1,{_MAX_VOICE}}}):(?=\s|$)[ \t]*")
_MAYBE_VOICE = lazy_pattern(rf"[ \t]*(?:[\w./+()@-]{{1,{_MAX_VOICE}}}:?)?[ \t]*")
_PAUSE = lazy_pattern(r"\[\s*(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s)\s*\]", re.IGNORECASE)
_MAYBE_PAUSE = lazy_pattern(r"\[[\d\s.msMS]*")


def pause_ms(text: str) -> int | None:
    """Return the duration of a pause such as ``[500ms]`` or ``[1.5 s]``, or None."""
    match = _PAUSE.fullmatch(text)
    return _milliseconds(match) if match else None


def _milliseconds(match: re.Match[str]) -> int:
    factor = 1000 if match[2].lower() == "s" else 1
    return min(MAX_PAUSE_MS, round(float(match[1]) * factor))


class ScriptReader:
    """The stage that turns a script into fragments with voices and pauses."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0  # position of the text in the source
        self._at_line_start = True
        self._voice: str | None = None
        self._pause_ms = 0
        self._begins = Break.NONE

    def feed(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Return the text that later text cannot change. The input must be verbatim."""
        for fragment in fragments:
            if not self._text:
                self._start = fragment.span.start
            self._text += fragment.text
        return self._read(final=False)

    def finish(self) -> list[Fragment]:
        """Return the rest; no more text follows."""
        return self._read(final=True)

    def _read(self, *, final: bool) -> list[Fragment]:
        found: list[Fragment] = []
        at = 0
        while at < len(self._text):
            if self._at_line_start:
                after = self._voice_at(at, final=final)
                if after is None:
                    break
                at = after
                self._at_line_start = False
                continue
            if self._text[at] == "[":
                pause = _PAUSE.match(self._text, at)
                if pause:
                    self._pause_ms += _milliseconds(pause)
                    at = pause.end()
                    continue
                maybe = _MAYBE_PAUSE.match(self._text, at)
                assert maybe is not None
                is_open = maybe.end() == len(self._text) and len(maybe[0]) < _MAX_PAUSE_TEXT
                if is_open and not final:
                    break
            end = self._end_of_plain(at)
            found += self._fragment(at, end)
            self._at_line_start = self._text[end - 1] == "\n"
            at = end
        self._text, self._start = self._text[at:], self._start + at
        return found

    def _voice_at(self, at: int, *, final: bool) -> int | None:
        """Return where the line's text begins, after its voice if any; None if not known yet."""
        maybe = _MAYBE_VOICE.match(self._text, at)
        assert maybe is not None
        if maybe.end() == len(self._text) and not final and len(maybe[0]) <= 2 * _MAX_VOICE:
            return None
        voice = _VOICE.match(self._text, at)
        if voice is None:
            return at
        self._voice, self._begins = voice[1], Break.SENTENCE
        return voice.end()

    def _end_of_plain(self, at: int) -> int:
        """Return the end of the plain text at ``at``: a bracket, or the end of the line."""
        ends = [len(self._text)]
        if (bracket := self._text.find("[", at + 1)) >= 0:
            ends.append(bracket)
        if (newline := self._text.find("\n", at)) >= 0:
            ends.append(newline + 1)
        return min(ends)

    def _fragment(self, begin: int, end: int) -> list[Fragment]:
        text = self._text[begin:end]
        span = Span(self._start + begin, self._start + end)
        if not text.strip():
            # Keep the pause for the text that follows the white space.
            held = self._pause_ms or self._begins
            return [] if held else [Fragment(text, span, voice=self._voice)]
        fragment = Fragment(text, span, self._begins, self._pause_ms, self._voice)
        self._begins, self._pause_ms = Break.NONE, 0
        return [fragment]
