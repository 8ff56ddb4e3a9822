"""What is spoken: sentences, and the segments that one request each speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_SPACE_SCRIPTS = "\u2e80-\u2fff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
"""Chinese and Japanese characters, as the inside of a regular expression's set."""

DEFAULT_CHARACTERS = 4096
"""Longest text of one request if nothing else is known: what OpenAI's speech models take."""

_NO_SPACE = re.compile(rf"[{NO_SPACE_SCRIPTS}]")


class Span(NamedTuple):
    """A range of characters in the source text, ``end`` excluded.

    Bytes fed to a segmenter count as the characters that they decode to.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or one clause of a sentence that is too long to wait for.

    ``text`` has single spaces for runs of white space. ``pause_ms`` is silence that
    the writer asked for before it; 0 leaves the pause to the player. ``continues``
    is True for a clause that goes on in the middle of a sentence.
    """

    number: int
    text: str
    span: Span
    voice: str | None = None
    pause_ms: int = 0
    begins_paragraph: bool = False
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """Whole sentences that one request speaks, at least one.

    Numbers count from 0; ``part`` counts the pieces of a segment that a server refused for
    its length. ``pause_ms``, ``begins_paragraph`` and ``continues`` are those
    of the first sentence; ``voice`` is that of all, None for the voice of the settings.
    """

    number: int
    sentences: tuple[Sentence, ...]
    part: int = 0

    @property
    def text(self) -> str:
        """The text as spoken."""
        return joined(self.sentences)

    @property
    def span(self) -> Span:
        """The range of the source text that it speaks."""
        return Span(self.sentences[0].span.start, self.sentences[-1].span.end)

    @property
    def voice(self) -> str | None:
        """The voice, None for that of the settings; may name a profile: ``kokoro/af_bella``."""
        return self.sentences[0].voice

    @property
    def pause_ms(self) -> int:
        """Silence that the writer asked for before it, in milliseconds."""
        return self.sentences[0].pause_ms

    @property
    def begins_paragraph(self) -> bool:
        """Whether it is the first of a paragraph."""
        return self.sentences[0].begins_paragraph

    @property
    def continues(self) -> bool:
        """Whether it goes on in the middle of a sentence."""
        return self.sentences[0].continues


def joined(sentences: Iterable[Sentence]) -> str:
    """Return the text of several sentences: paragraphs apart, no space in Chinese or Japanese."""
    text = ""
    for sentence in sentences:
        text += separator(text, sentence) + sentence.text
    return text


def separator(before: str, sentence: Sentence) -> str:
    """Return what stands between ``before`` and ``sentence`` in one request."""
    if not before:
        return ""
    if sentence.begins_paragraph:
        return "\n\n"
    return "" if _NO_SPACE.match(before[-1]) else " "
