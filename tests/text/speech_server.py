"""A simulated speech server and player, to try grouping policies on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.text.grouping import Estimate, Grouper, Grouping, Situation
from voicecli.text.segment import Segment, Sentence, Span

if TYPE_CHECKING:
    import random

SPEECH_S = 0.065
"""Seconds of speech a character: about 15 characters a second."""


@dataclass
class Server:
    """When it answers; ``spread`` is the relative deviation of every time in it.

    ``speed`` is a multiple of real time for a server that streams; None for one that
    sends nothing until ``first_byte_s`` + ``per_character_s`` for each character.
    A ``serial`` server works on one request at a time.
    """

    first_byte_s: float
    speed: float | None = None
    per_character_s: float = 0.0
    spread: float = 0.15
    serial: bool = False
    free_at: float = 0.0

    @property
    def estimate(self) -> Estimate:
        per_character = SPEECH_S / self.speed if self.speed else self.per_character_s
        return Estimate(self.first_byte_s, per_character, SPEECH_S, streams=self.speed is not None)

    def answer(self, characters: int, now: float, rng: random.Random) -> float:
        """Return when the first sound of a request made now is there."""
        begin = max(now, self.free_at) if self.serial else now
        first = self.first_byte_s * rng.lognormvariate(0, self.spread)
        work = self.estimate.per_character_s * characters * rng.lognormvariate(0, self.spread)
        self.free_at = begin + first + work
        return begin + first + (0.0 if self.speed else work)


@dataclass
class Heard:
    """What a listener heard: silence before each segment, in seconds."""

    segments: list[Segment] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    first_sound_s: float = 0.0
    end_s: float = 0.0


def listen(
    sentences: list[Sentence],
    server: Server,
    rng: random.Random,
    *,
    mode: Grouping = Grouping.AUTO,
    prefetch: int = 2,
    arrivals: list[float] | None = None,
    estimate: Estimate | None = None,
    limit: int = 4096,
) -> Heard:
    """Play ``sentences``, written at ``arrivals`` (None: all there at once)."""
    arrivals = arrivals or [0.0] * len(sentences)
    grouper = Grouper(mode, limit=limit)
    heard, estimate = Heard(), estimate or server.estimate
    begins: list[float] = []  # when each segment begins to be heard
    now, written, ends, planned_end = 0.0, 0, 0.0, 0.0
    while True:
        while written < len(sentences) and arrivals[written] <= now:
            grouper.add([sentences[written]])
            written += 1
        complete = written == len(sentences)
        if complete and not grouper.waiting:
            break
        current = sum(begin <= now for begin in begins)
        if len(begins) - max(1, current) < prefetch:
            if current == len(begins):  # the sound that is heard has its true end
                planned_end = max(planned_end, ends) if begins else 0.0
            in_hand = max(0.0, planned_end - now) if begins else None
            found = grouper.next(Situation(in_hand, complete, estimate))
            if isinstance(found, Segment):
                length = len(found.text)
                sound_at = server.answer(length, now, rng)
                begin = max(ends, sound_at)
                heard.gaps.append(max(0.0, begin - ends) if begins else 0.0)
                heard.first_sound_s = heard.first_sound_s or begin
                expected = now + estimate.first_byte_s
                planned_end = max(planned_end, expected) + estimate.speech_s(length)
                begins.append(begin)
                ends = begin + SPEECH_S * length
                heard.segments.append(found)
                continue
        upcoming = [begin for begin in begins if begin > now]
        upcoming += arrivals[written : written + 1]
        now = max(now + 0.01, min([*upcoming, now + 0.1]))
    heard.end_s = ends
    return heard


def story(rng: random.Random, count: int = 60) -> list[Sentence]:
    """Return sentences of 30 to 140 characters in paragraphs of four to eight."""
    sentences, left, position = [], 0, 0
    for number in range(count):
        length = rng.randint(30, 140)
        text = "x" * (length - 1) + "."
        begins = left == 0
        left = rng.randint(4, 8) if begins else left
        left -= 1
        span = Span(position, position + length)
        sentences.append(Sentence(number, text, span, begins_paragraph=begins))
        position += length + 1
    return sentences
