"""Find the sentence being heard, cheaply enough to ask many times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.alignment import Stretch, align
from voicecli.telemetry.events import Requested, SegmentEnded, SegmentPlaced
from voicecli.text.segment import SPEECH_PER_CHARACTER_S

if TYPE_CHECKING:
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

_KEPT_SEGMENTS = 32
"""Number of segments whose sentences are kept; older ones have been heard."""


class CurrentSentence:
    """An observer that knows which sentence is at a position in the sound.

    It places sentences by their lengths alone, once for each segment, and so costs next to
    nothing. Its events come from several threads; it is read on the session's.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._has_text = False
        self._sentences: dict[int, list[tuple[Stretch, str]]] = {}
        self._rate_s = SPEECH_PER_CHARACTER_S

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        match event:
            case Requested(_, _, number):
                self._open.add(number)
            case SegmentPlaced(_, segment, starts_s):
                self._place(segment, starts_s, starts_s + self._rate_s * len(segment.text))
            case SegmentEnded(_, segment, starts_s, ends_s):
                self._open.discard(segment.number)
                if starts_s is not None and ends_s is not None:
                    self._place(segment, starts_s, ends_s)
                    self._rate_s = (ends_s - starts_s) / max(1, len(segment.text))

    @property
    def awaits_text(self) -> bool:
        """Whether all requested sound has arrived, so that only more text can bring more."""
        return self._has_text and not self._open

    def at(self, position_s: float) -> str:
        """Return the sentence at a position; empty before the first."""
        found = ""
        for number in sorted(self._sentences, reverse=True):
            for stretch, text in self._sentences[number]:
                if stretch.starts_s <= position_s:
                    found = text
            if found:
                break
        return found

    def _place(self, segment: Segment, starts_s: float, ends_s: float) -> None:
        self._has_text = True
        texts = [sentence.text for sentence in segment.sentences]
        times = align([len(text) for text in texts], Stretch(starts_s, ends_s))
        self._sentences[segment.number] = list(zip(times, texts, strict=True))
        self._sentences = dict(list(self._sentences.items())[-_KEPT_SEGMENTS:])
