"""Where the sentences of a text are in its sound, as far as it was decoded."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from voicecli.telemetry.events import SegmentEnded, SegmentPlaced

if TYPE_CHECKING:
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

MOST_SENTENCES = 1000
"""Sentences that are remembered, the newest ones."""


class SpokenSentence(NamedTuple):
    """A sentence in the sound: its segment's number, its text, and where it begins, in seconds."""

    segment: int
    text: str
    starts_s: float


class SpokenText:
    """An observer that remembers where sentences begin; any thread may ask.

    Within a segment that is an estimate by the lengths of the sentences. Until all of a
    segment was decoded, its sentences count as one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sentences: deque[SpokenSentence] = deque(maxlen=MOST_SENTENCES)
        self.open_segment: int | None = None
        """The number of the segment that was placed and is not decoded to its end."""

    def __call__(self, event: Event, /) -> None:
        """Take note of where a segment begins and ends."""
        match event:
            case SegmentPlaced(_, segment, starts_s):
                with self._lock:
                    self._sentences.append(SpokenSentence(segment.number, segment.text, starts_s))
                    self.open_segment = segment.number
            case SegmentEnded(_, segment, starts_s, ends_s):
                with self._lock:
                    self.open_segment = None
                    if starts_s is not None and ends_s is not None:
                        self._divide(segment, starts_s, ends_s)

    def _divide(self, segment: Segment, starts_s: float, ends_s: float) -> None:
        if self._sentences and self._sentences[-1].segment == segment.number:
            self._sentences.pop()
        per_character_s = (ends_s - starts_s) / max(1, sum(len(s.text) for s in segment.sentences))
        at_s = starts_s
        for sentence in segment.sentences:
            self._sentences.append(SpokenSentence(segment.number, sentence.text, at_s))
            at_s += len(sentence.text) * per_character_s

    def at(self, heard_s: float) -> SpokenSentence | None:
        """Return the sentence that is heard at this position of the sound."""
        with self._lock:
            return next((s for s in reversed(self._sentences) if s.starts_s <= heard_s), None)

    def after(self, heard_s: float) -> SpokenSentence | None:
        """Return the first sentence that begins after this position of the sound."""
        with self._lock:
            return next((s for s in self._sentences if s.starts_s > heard_s), None)
