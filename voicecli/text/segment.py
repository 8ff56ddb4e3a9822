"""Sentences, and segments: the sentences that are spoken by one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_SPACE_SCRIPTS = "\u2e80-\u2fff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
"""Characters of Chinese and Japanese, for use inside a regular expression set."""

DEFAULT_CHARACTERS = 4096
"""Default limit of one request: that of OpenAI's speech models."""

SPEECH_PER_CHARACTER_S = 0.065
"""Seconds that a character is heard for, if nothing better is known."""

_NO_SPACE = lazy_pattern(rf"[{NO_SPACE_SCRIPTS}]")


class Span(NamedTuple):
    """A range of characters in the source text, ``end`` excluded.

    Input in bytes is counted in decoded characters.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a clause of a sentence that was too long to wait for.

    White space in ``text`` is collapsed to single spaces. ``pause_ms`` is explicitly
    requested silence before the sentence; 0 leaves the pause to the player.
    ``continues`` is true for a clause that continues the sentence before.
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
    """One or more whole sentences that one request speaks.

    Numbers count from 0. ``part`` numbers the parts of a segment that was split because
    the server refused it for its length.
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
        """The range of the source text."""
        return Span(self.sentences[0].span.start, self.sentences[-1].span.end)

    @property
    def voice(self) -> str | None:
        """The voice of all sentences, e.g. ``kokoro/af_bella``; None: the configured voice."""
        return self.sentences[0].voice

    @property
    def pause_ms(self) -> int:
        """Explicitly requested silence before the segment, in milliseconds."""
        return self.sentences[0].pause_ms

    @property
    def begins_paragraph(self) -> bool:
        """Whether the segment is the first of a paragraph."""
        return self.sentences[0].begins_paragraph

    @property
    def continues(self) -> bool:
        """Whether the segment starts in the middle of a sentence."""
        return self.sentences[0].continues


def joined(sentences: Iterable[Sentence]) -> str:
    """Join sentences into one text, with blank lines between paragraphs."""
    text = ""
    for sentence in sentences:
        text += separator(text, sentence) + sentence.text
    return text


def separator(before: str, sentence: Sentence) -> str:
    """Return the separator between ``before`` and ``sentence``; none after Chinese or Japanese."""
    if not before:
        return ""
    if sentence.begins_paragraph:
        return "\n\n"
    return "" if not before.isascii() and _NO_SPACE.match(before[-1]) else " "
