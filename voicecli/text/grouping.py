"""Decide how many sentences go into one request.

Small requests start sooner. Large requests sound better, because tone and rhythm carry
over, and need fewer round trips. So the first request is the first sentence. Each later
one takes as many whole sentences of one paragraph as should arrive before the sound
requested so far runs out, judging by the endpoint's history.

`decide` is a pure function. `Grouper` queues sentences and numbers the segments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text import clause
from voicecli.text.segment import (
    DEFAULT_CHARACTERS,
    SPEECH_PER_CHARACTER_S,
    Segment,
    Sentence,
    Span,
    separator,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SHORT_TEXT = 240
"""A text of at most this many characters that is complete from the start is one request."""

MIN_REQUEST = 20
"""Shortest first request, in characters, if more text is available ("Sure!" is too short)."""

MAX_AUTO = 800
"""Longest request in auto mode: more does not sound better and costs more to repeat."""

_SAFE_SHARE = 0.5
"""Share of the remaining sound that a request may use up before it arrives."""

_MIN_WAIT_S = 0.25
"""Shortest wait for more text that is worthwhile, in seconds."""


class Grouping(StrEnum):
    """What one request contains."""

    AUTO = "auto"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"
    WHOLE = "whole"


class Estimate(NamedTuple):
    """How fast an endpoint is, from its history; the defaults are slow.

    Args:
        first_byte_s: seconds until the first byte for a short text.
        per_character_s: further seconds per character until the last byte.
        speech_per_character_s: seconds of speech per character.
        streams: whether audio arrives while the server is still generating, faster than
            it is played.
    """

    first_byte_s: float = 1.0
    per_character_s: float = 0.035
    speech_per_character_s: float = SPEECH_PER_CHARACTER_S
    streams: bool = False

    def arrival_s(self, characters: int) -> float:
        """Return the seconds until enough of a response has arrived to play it safely.

        That is all of it, or half of it if the server streams. The first byte would be
        enough if the server never slowed down.
        """
        share = 0.5 if self.streams else 1.0
        return self.first_byte_s + share * self.per_character_s * characters

    def speech_s(self, characters: int) -> float:
        """Return the duration of the speech in seconds."""
        return self.speech_per_character_s * characters


class Situation(NamedTuple):
    """What a decision depends on, apart from the text.

    Args:
        in_hand_s: seconds until all sound requested so far will have been played,
            including the wait for the first byte; None before the first request.
        complete: whether all of the text has arrived.
        estimate: how fast the endpoint is.
    """

    in_hand_s: float | None
    complete: bool
    estimate: Estimate


class Take(NamedTuple):
    """Send the first ``sentences`` sentences of the queue as one request now."""

    sentences: int


class Wait(NamedTuple):
    """Ask again when more text has arrived or after ``seconds``; None means no timeout."""

    seconds: float | None


def decide(
    sentences: Sequence[Sentence], mode: Grouping, limit: int, situation: Situation
) -> Take | Wait:
    """Return how many of the queued ``sentences`` the next request takes.

    ``limit`` is the longest request in characters; the first sentence must not exceed it.
    A request never contains two voices or an explicit pause.
    """
    if not sentences:
        return Wait(None)
    across = mode is Grouping.WHOLE or _is_short(sentences, situation)
    lengths = list(_lengths(sentences, limit, across=across))
    ended = situation.complete or len(lengths) < len(sentences)
    if mode is Grouping.SENTENCE:
        following = 1
        while following < len(lengths) and sentences[following].continues:
            following += 1
        return Take(following)
    if mode is Grouping.AUTO and not across:
        return _decide_freely(lengths, limit, situation, ended=ended)
    return Take(len(lengths)) if ended else Wait(None)


def _decide_freely(
    lengths: list[int], limit: int, situation: Situation, *, ended: bool
) -> Take | Wait:
    """Return how many sentences `Grouping.AUTO` takes; ``lengths`` are of one, two, …."""
    if situation.in_hand_s is None:
        enough = (count for count, length in enumerate(lengths, 1) if length >= MIN_REQUEST)
        return Take(next(enough, len(lengths)))
    planned_s = situation.in_hand_s * _SAFE_SHARE
    most = min(limit, MAX_AUTO)
    estimate = situation.estimate
    in_time = sum(n <= most and estimate.arrival_s(n) <= planned_s for n in lengths)
    if in_time == len(lengths) and not ended:
        spare_s = planned_s - estimate.arrival_s(lengths[-1])
        if spare_s >= _MIN_WAIT_S:
            return Wait(spare_s)
    return Take(max(1, in_time))


def _is_short(sentences: Sequence[Sentence], situation: Situation) -> bool:
    """Whether this is a short text that was complete before the first request."""
    if situation.in_hand_s is not None or not situation.complete:
        return False
    lengths = list(_lengths(sentences, SHORT_TEXT, across=True))
    return len(lengths) == len(sentences) and lengths[-1] <= SHORT_TEXT


def _lengths(sentences: Sequence[Sentence], limit: int, *, across: bool) -> Iterator[int]:
    """Yield the length of the first sentence, of the first two, … that may share a request."""
    text = ""
    for count, sentence in enumerate(sentences):
        if count and (
            sentence.voice != sentences[0].voice
            or sentence.pause_ms
            or (sentence.begins_paragraph and not across)
        ):
            return
        text += separator(text, sentence) + sentence.text
        if count and len(text) > limit:
            return
        yield len(text)


class Grouper:
    """Queue sentences and group them into segments as `decide` says.

    ``mode`` and ``limit`` may be changed at any time, e.g. after a server refused a text.
    """

    def __init__(self, mode: Grouping = Grouping.AUTO, *, limit: int = DEFAULT_CHARACTERS) -> None:
        self.mode = mode
        self.limit = limit
        self._waiting: deque[Sentence] = deque()
        self._number = 0

    @property
    def waiting(self) -> int:
        """The number of queued sentences."""
        return len(self._waiting)

    @property
    def voice(self) -> str | None:
        """The voice of the next request; None for the default one, or if nothing is queued."""
        return self._waiting[0].voice if self._waiting else None

    @property
    def has_enough(self) -> bool:
        """Whether more text would not change what `next` returns."""
        if self.mode in {Grouping.PARAGRAPH, Grouping.WHOLE}:
            needed = self.limit
        else:
            needed = MAX_AUTO if self._number else SHORT_TEXT
        return self.characters > needed

    @property
    def characters(self) -> int:
        """How many characters are not in any segment yet."""
        return sum(len(sentence.text) for sentence in self._waiting)

    def add(self, sentences: Iterable[Sentence]) -> None:
        """Queue more sentences."""
        self._waiting.extend(sentences)

    def next(self, situation: Situation) -> Segment | Wait:
        """Return the next segment, or how long to wait before asking again."""
        self._split_first()
        decision = decide(self._waiting, self.mode, self.limit, situation)
        if isinstance(decision, Wait):
            return decision
        taken = tuple(self._waiting.popleft() for _ in range(decision.sentences))
        self._number += 1
        return Segment(self._number - 1, taken)

    def _split_first(self) -> None:
        if self._waiting and len(self._waiting[0].text) > self.limit:
            self._waiting.extendleft(reversed(split(self._waiting.popleft(), self.limit)))


def split(sentence: Sentence, limit: int) -> list[Sentence]:
    """Split ``sentence`` into parts of at most ``limit`` characters, at clauses or words.

    The parts keep the number of the sentence. Their spans are approximate if the text
    differs from the source.
    """
    found = []
    span, length = sentence.span, len(sentence.text)
    scale = (span.end - span.start) / length
    for begin, end in clause.parts(sentence.text, limit):
        part = Span(span.start + round(begin * scale), span.start + round(end * scale))
        first = begin == 0
        found.append(
            replace(
                sentence,
                text=sentence.text[begin:end],
                span=part,
                pause_ms=sentence.pause_ms if first else 0,
                begins_paragraph=first and sentence.begins_paragraph,
                continues=sentence.continues or not first,
            )
        )
    return found


def split_segment(segment: Segment, limit: int) -> list[Segment]:
    """Split a refused ``segment`` into parts of at most ``limit`` characters."""
    grouper = Grouper(Grouping.WHOLE, limit=limit)
    grouper.add(segment.sentences)
    situation = Situation(None, complete=True, estimate=Estimate())
    found: list[Segment] = []
    while isinstance(part := grouper.next(situation), Segment):
        found.append(replace(segment, sentences=part.sentences, part=len(found)))
    return found
