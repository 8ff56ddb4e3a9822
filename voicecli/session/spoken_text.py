"""Find where the sentences of a text begin in the sound decoded so far."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from voicecli.telemetry.events import Decoded, SegmentEnded, SegmentPlaced
from voicecli.telemetry.sentences import SentenceTimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voicecli.audio.alignment import Stretch
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

    Within a segment that is an estimate, which `voicecli.audio.alignment` makes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = SentenceTimes()
        self._sentences: deque[SpokenSentence] = deque(maxlen=MOST_SENTENCES)
        self._open: Segment | None = None  # placed, and not decoded to its end

    def __call__(self, event: Event, /) -> None:
        """Take note of where segments begin and end."""
        match event:
            case Decoded(_, pcm):
                self._times.decoded(pcm)
            case SegmentPlaced(_, segment, starts_s):
                with self._lock:
                    self._times.begin(segment, starts_s)
                    self._open = segment
            case SegmentEnded(_, segment, _, ends_s, is_whole):
                with self._lock:
                    if self._open is not None and ends_s is not None:
                        found = self._times.end(ends_s, is_whole=is_whole)
                        self._sentences.extend(_sentences(segment, found, ends_s))
                    self._open = None

    def at(self, heard_s: float) -> SpokenSentence | None:
        """Return the sentence at this position in the sound."""
        begun = [each for each in self._known() if each.starts_s <= heard_s]
        return begun[-1] if begun else None

    def after(self, heard_s: float) -> SpokenSentence | None:
        """Return the first sentence that begins after this position in the sound."""
        return next((each for each in self._known() if each.starts_s > heard_s), None)

    def is_open(self, segment: int) -> bool:
        """Return whether more of this segment's sound is to come."""
        with self._lock:
            return self._open is not None and self._open.number == segment

    def _known(self) -> list[SpokenSentence]:
        with self._lock:
            if self._open is None:
                return list(self._sentences)
            expected = _sentences(self._open, self._times.so_far(), float("inf"))
            return list(chain(self._sentences, expected))


def _sentences(
    segment: Segment, stretches: Sequence[Stretch], ends_s: float
) -> Iterable[SpokenSentence]:
    """Yield the sentences of a segment that begin before its sound ends."""
    for sentence, stretch in zip(segment.sentences, stretches, strict=False):
        if stretch.starts_s < ends_s:
            yield SpokenSentence(segment.number, sentence.text, stretch.starts_s)
