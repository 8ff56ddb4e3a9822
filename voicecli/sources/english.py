"""Reduce a text to what an English-only voice can say; pure.

That is Latin letters, numbers, and single Greek letters (π, Ω), whose names it knows. Words in
other scripts would come out as gibberish, or not at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from voicecli.errors import NothingToSay
from voicecli.text.patterns import lazy_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.text.segment import Sentence

_LATIN = "A-Za-zªº\u00c0-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\ufb00-\ufb06\uff21-\uff5a"
_SYMBOLS = "²³¹¼-¾\u2070-\u209f\u2100-\u218f\u2460-\u24ff\u2776-\u2793"
"""Letter-like symbols and number forms: №, ™, Ⅷ, ₂, ①."""

_FOREIGN = lazy_pattern(rf"[^\W\d_{_LATIN}{_SYMBOLS}][^\x00-\u024f\s]*")
_GREEK_LETTER = lazy_pattern(r"[\u0370-\u03ff]")


class EnglishPart(NamedTuple):
    """A text without the words in other scripts, and the number of those words."""

    text: str
    left_out: int


def english_part(text: str) -> EnglishPart:
    """Leave out the words that are not written in Latin letters."""
    if text.isascii():
        return EnglishPart(text, 0)
    words = [word for word in _FOREIGN.finditer(text) if not _GREEK_LETTER.fullmatch(word[0])]
    if not words:
        return EnglishPart(text, 0)
    begins = [0, *(word.end() for word in words)]
    ends = [*(word.start() for word in words), len(text)]
    kept = " ".join(text[begin:end] for begin, end in zip(begins, ends, strict=True))
    return EnglishPart(" ".join(kept.split()), len(words))


def nothing_english() -> NothingToSay:
    """Return the error for a text without any English."""
    return NothingToSay(
        "the built-in voice speaks English, and nothing in the text is",
        remedy="for other languages set an endpoint with --base-url",
    )


class EnglishSentences:
    """Passes on the part of each sentence that the voice can say, and counts the other words.

    ``is_english`` says whether a voice speaks English only; other voices get their sentences
    unchanged. ``left_out`` is the number of words left out so far. One thread at a time.
    """

    def __init__(self, is_english: Callable[[str | None], bool] = lambda _: True) -> None:
        self._is_english = is_english
        self.left_out = 0
        self._dropped: Sentence | None = None  # its pause and paragraph go to the next sentence

    def __call__(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Return the sentences without other scripts; those with nothing else are dropped."""
        return [kept for sentence in sentences if (kept := self._kept(sentence)) is not None]

    def _kept(self, sentence: Sentence) -> Sentence | None:
        if sentence.text.isascii() or not self._is_english(sentence.voice):
            text, left_out = sentence.text, 0
        else:
            text, left_out = english_part(sentence.text)
        self.left_out += left_out
        dropped, self._dropped = self._dropped, None
        if dropped is not None:
            sentence = replace(
                sentence,
                pause_ms=sentence.pause_ms + dropped.pause_ms,
                begins_paragraph=sentence.begins_paragraph or dropped.begins_paragraph,
                continues=sentence.continues and dropped.continues,
            )
        if left_out and not any(character.isalnum() for character in text):
            self._dropped = sentence
            return None
        return replace(sentence, text=text) if left_out else sentence
