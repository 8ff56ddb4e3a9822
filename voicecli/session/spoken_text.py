"""Find where the sentences of a text begin in the sound decoded so far."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from voicecli.telemetry.events import Decoded, SegmentEnded, SegmentPlaced
from voicecli.telemetry.sentences import SentenceTimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voicecli.audio.alignment import Stretch
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

MAX_SENTENCES = 1000
"""Sentences that are remembered, the newest ones."""


class SpokenSentence(NamedTuple):
    """A sentence in the sound: its segment's number, its text, and where it begins, in seconds.

    ``number`` is its own. It is certain where a pause was found, or the whole segment is known.
    """

    segment: int
    text: str
    starts_s: float
    number: int = 0
    is_certain: bool = True

    @property
    def order(self) -> tuple[int, float]:
        """A later sentence has a larger one."""
        return self.segment, self.number


class SpokenText:
    """An observer that remembers where sentences begin; any thread may ask.

    Within a segment that is an estimate, which `voicecli.audio.alignment` makes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = SentenceTimes()
        self._sentences: deque[SpokenSentence] = deque(maxlen=MAX_SENTENCES)
        self._open: Segment | None = None  # placed, and not decoded to its end
        self.decoded_s = 0.0
        """Seconds of the sound that are known."""

    def __call__(self, event: Event, /) -> None:
        """Take note of where segments begin and end."""
        match event:
            case Decoded(_, pcm):
                self._times.decoded(pcm)
                self.decoded_s += pcm.duration_s
            case SegmentPlaced(_, segment, starts_s):
                with self._lock:
                    self._times.begin(segment, starts_s)
                    self._open = segment
            case SegmentEnded(_, segment, _, ends_s, is_whole):
                with self._lock:
                    if self._open is not None and ends_s is not None:
                        found = self._times.end(ends_s, is_whole=is_whole)
                        self._sentences.extend(_sentences(segment, found, ends_s, ends_s))
                    self._open = None

    def at(self, heard_s: float) -> SpokenSentence | None:
        """Return the sentence at this position in the sound."""
        begun = [each for each in self._known() if each.starts_s <= heard_s]
        return begun[-1] if begun else None

    def after(self, heard_s: float) -> SpokenSentence | None:
        """Return the first sentence that begins after this position in the sound."""
        return next((each for each in self._known() if each.starts_s > heard_s), None)

    def following(self, order: tuple[int, float]) -> list[SpokenSentence]:
        """Return the known sentences behind the one of this `SpokenSentence.order`."""
        return [each for each in self._known() if each.order > order]

    @property
    def open_segment(self) -> int | None:
        """The number of the segment whose sound is still arriving."""
        with self._lock:
            return None if self._open is None else self._open.number

    def _known(self) -> list[SpokenSentence]:
        with self._lock:
            if self._open is None:
                return list(self._sentences)
            found = self._times.so_far()
            expected = _sentences(self._open, found, inf, self.decoded_s, is_whole=False)
            return list(chain(self._sentences, expected))


def _sentences(
    segment: Segment,
    stretches: Sequence[Stretch],
    ends_s: float,
    decoded_s: float,
    *,
    is_whole: bool = True,
) -> Iterable[SpokenSentence]:
    """Yield the sentences of a segment that begin before its sound ends."""
    before_s = -inf
    for sentence, (starts_s, stretch_ends_s) in zip(segment.sentences, stretches, strict=False):
        if starts_s < ends_s:
            is_certain = is_whole or before_s < starts_s <= decoded_s
            yield SpokenSentence(
                segment.number, sentence.text, starts_s, sentence.number, is_certain
            )
        before_s = stretch_ends_s
