"""How many sentences go into one request.

Small requests sound sooner; large ones sound better, since tone and rhythm carry over,
and cost fewer round trips. So the first one is the first sentence, and each later one as
many whole sentences of a paragraph as will have arrived before the sound asked for so far
has been heard, as far as is known of the endpoint.

`decide` is a pure function; `Grouper` holds the sentences that wait and numbers segments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text import clause
from voicecli.text.segment import DEFAULT_CHARACTERS, Segment, Sentence, Span, separator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SHORT_TEXT = 240
"""A text of up to so many characters that is there at once is one request."""

MIN_REQUEST = 20
"""The first request takes another sentence if it has fewer characters ("Sure!")."""

MAX_AUTO = 800
"""Longest request that is chosen freely: more sounds no better, and is longer to repeat."""

_SAFE_SHARE = 0.5
"""Share of the time until the sound runs out that is planned with."""

_LEAST_WAIT_S = 0.25
"""Waiting for more text is not worth less than this."""


class Grouping(StrEnum):
    """What a request holds."""

    AUTO = "auto"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an endpoint's history says of its speed; the default is a slow one.

    Args:
        first_byte_s: seconds until the first byte of a short text.
        per_character_s: seconds a character, until the last byte.
        speech_per_character_s: seconds of speech a character.
        streams: the first byte does not wait for the last, and the rest comes faster than
            it is heard.
    """

    first_byte_s: float = 1.0
    per_character_s: float = 0.035
    speech_per_character_s: float = 0.065
    streams: bool = False

    def arrival_s(self, characters: int) -> float:
        """Return the seconds until so much of an answer has arrived that it can be heard.

        That is all of it, or half of it if the server streams: the first byte would do,
        but a server that falls behind should be noticed before the sound runs out.
        """
        share = 0.5 if self.streams else 1.0
        return self.first_byte_s + share * self.per_character_s * characters

    def speech_s(self, characters: int) -> float:
        """Return the seconds that a text is heard for."""
        return self.speech_per_character_s * characters


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision depends on besides the text.

    Args:
        in_hand_s: seconds until all sound asked for so far will have been heard, with the
            time until its first byte; None before the first request.
        complete: no more text will come.
        estimate: what is known of the endpoint.
    """

    in_hand_s: float | None
    complete: bool
    estimate: Estimate


class Take(NamedTuple):
    """Put so many of the waiting ``sentences`` into one request now."""

    sentences: int


class Wait(NamedTuple):
    """Ask again when more text is there, or after ``seconds`` (None: only then)."""

    seconds: float | None


def decide(
    sentences: Sequence[Sentence], mode: Grouping, limit: int, situation: Situation
) -> Take | Wait:
    """Return how many of the waiting ``sentences`` the next request takes.

    ``limit`` is the most characters of one request; no sentence is longer. A request never
    holds two voices, or a pause in it that the writer asked for.
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
    """Return how many sentences `Grouping.AUTO` takes, of ``lengths`` one, two, … of them."""
    if situation.in_hand_s is None:
        enough = (count for count, length in enumerate(lengths, 1) if length >= MIN_REQUEST)
        return Take(next(enough, len(lengths)))
    planned_s = situation.in_hand_s * _SAFE_SHARE
    most = min(limit, MAX_AUTO)
    estimate = situation.estimate
    in_time = sum(n <= most and estimate.arrival_s(n) <= planned_s for n in lengths)
    if in_time == len(lengths) and not ended:
        spare_s = planned_s - estimate.arrival_s(lengths[-1])
        if spare_s >= _LEAST_WAIT_S:
            return Wait(spare_s)
    return Take(max(1, in_time))


def _is_short(sentences: Sequence[Sentence], situation: Situation) -> bool:
    """Whether this is the whole of a text that was there at once, and short."""
    if situation.in_hand_s is not None or not situation.complete:
        return False
    lengths = list(_lengths(sentences, SHORT_TEXT, across=True))
    return len(lengths) == len(sentences) and lengths[-1] <= SHORT_TEXT


def _lengths(sentences: Sequence[Sentence], limit: int, *, across: bool) -> Iterator[int]:
    """Yield the length of one sentence, two, … as long as they may share a request."""
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
    """Sentences in, segments out, each as large as `decide` says.

    ``limit`` may be lowered at any time, when a server has refused a text for its length.
    """

    def __init__(self, mode: Grouping = Grouping.AUTO, *, limit: int = DEFAULT_CHARACTERS) -> None:
        self.mode = mode
        self.limit = limit
        self._waiting: deque[Sentence] = deque()
        self._number = 0

    @property
    def waiting(self) -> int:
        """How many sentences are not in any segment yet."""
        return len(self._waiting)

    def add(self, sentences: Iterable[Sentence]) -> None:
        """Append sentences."""
        self._waiting.extend(sentences)

    def next(self, situation: Situation) -> Segment | Wait:
        """Return the next segment, or how long to wait for more text."""
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
    """Return ``sentence`` in parts of at most ``limit`` characters: clauses, else words.

    The parts keep its number. Their spans add up to that of the sentence; where it was not
    spoken as written they are approximate.
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
    """Return ``segment``, which was refused, in parts of at most ``limit`` characters."""
    grouper = Grouper(Grouping.WHOLE, limit=limit)
    grouper.add(segment.sentences)
    situation = Situation(None, complete=True, estimate=Estimate())
    found: list[Segment] = []
    while isinstance(part := grouper.next(situation), Segment):
        found.append(replace(segment, sentences=part.sentences, part=len(found)))
    return found
