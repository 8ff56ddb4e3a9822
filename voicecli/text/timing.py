"""When each sentence of a segment is heard: by its share of the segment's characters; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from voicecli.text.segment import Segment

SPEECH_PER_CHARACTER_S = 0.065
"""Seconds that a character is heard for, if nothing better is known."""


class TimedSentence(NamedTuple):
    """A sentence, and where its speech begins and ends, in seconds of the sound.

    ``continues`` as for `voicecli.text.segment.Sentence`.
    """

    text: str
    starts_s: float
    ends_s: float
    continues: bool = False


def timed_sentences(segment: Segment, starts_s: float, ends_s: float) -> list[TimedSentence]:
    """Divide the time from ``starts_s`` to ``ends_s`` among the sentences of a segment."""
    lengths = [len(sentence.text) + 1 for sentence in segment.sentences]
    scale = max(0.0, ends_s - starts_s) / sum(lengths)
    found: list[TimedSentence] = []
    at_s = starts_s
    for sentence, length in zip(segment.sentences, lengths, strict=True):
        until_s = at_s + length * scale
        found.append(TimedSentence(sentence.text, at_s, until_s, sentence.continues))
        at_s = until_s
    return found
