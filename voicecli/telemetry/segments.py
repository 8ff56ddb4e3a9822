"""Record each segment of a text: its request, its place in the sound, its seam."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from voicecli.audio.alignment import SpokenSegment, count_spoken
from voicecli.playback.silences import Silences
from voicecli.sources.base import AnswerReport
from voicecli.telemetry.events import (
    AnswerReported,
    Decoded,
    Received,
    Requested,
    Retrying,
    SegmentEnded,
    SegmentPlaced,
)
from voicecli.telemetry.sentences import SentenceTimes
from voicecli.telemetry.underruns import milliseconds
from voicecli.telemetry.usage import added, joined, usage_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.audio.alignment import Stretch
    from voicecli.playback.base import SinkReport
    from voicecli.sources.base import Usage
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

MAX_SEGMENTS = 10_000
"""Number of segments kept, the newest ones: ten hours of speech, often twenty."""

_NOTHING = AnswerReport()

_SEAM_S = 0.002
"""A gap this close to a seam is at the seam: positions are rounded to frames."""


_Parts: TypeAlias = "tuple[int, int, Sequence[float]]"
"""Characters, sentences and the ends of whole sentences."""


@dataclass(slots=True)
class SegmentRecord:
    """One segment, without its text; times are clock seconds, positions seconds of the sound.

    ``sentences`` counts clauses of a sentence too, ``sentence_ends_s`` has whole ones. A
    segment that broke off and was asked for again has several parts: ``earlier`` is about
    those before this one, ``ended`` about all that have ended.
    """

    number: int
    label: str
    requested_at: float
    attempts: int = 1
    first_byte_at: float | None = None
    audio_s: float = 0.0
    characters: int = 0
    sentences: int = 0
    continues: bool = False
    starts_s: float | None = None
    ends_s: float | None = None
    sentence_ends_s: Sequence[float] = ()
    part: int = 0
    earlier: _Parts = (0, 0, ())
    ended: _Parts = (0, 0, ())
    answer: AnswerReport = _NOTHING


class SegmentTable:
    """An observer that keeps a record of every segment; called from the session's threads.

    Of more than `MAX_SEGMENTS`, only the sentences of the oldest are still counted.
    """

    def __init__(self) -> None:
        self.records: dict[int, SegmentRecord] = {}
        self.dropped = 0
        """How many segments are no longer kept."""
        self._dropped_sentences = 0
        self._times = SentenceTimes()
        self._current: Segment | None = None  # placed and not ended

    def __call__(self, event: Event, /) -> None:  # noqa: C901  one case an event
        """Take note of an event."""
        match event:
            case Requested(at, label, number):
                self._request(at, label, number)
            case Retrying(_, _, _, number) if number in self.records:
                self.records[number].first_byte_at = None
            case Received(at, _, number) if number in self.records:
                record = self.records[number]
                if record.first_byte_at is None:
                    record.first_byte_at = at
            case AnswerReported(_, report, number) if number in self.records:
                record = self.records[number]
                record.answer = joined(record.answer, report)
            case Decoded(_, pcm, _, number):
                if number in self.records:
                    self.records[number].audio_s += pcm.duration_s
                self._times.decoded(pcm)
            case SegmentPlaced(_, segment, starts_s):
                self._place(segment, starts_s)
                self._times.begin(segment, starts_s)
                self._current = segment
            case SegmentEnded(_, segment, starts_s, ends_s, is_whole):
                self._place(segment, starts_s, ends_s)
                if ends_s is not None and segment.number in self.records:
                    found = _whole_ends_s(segment, self._times.end(ends_s, is_whole=is_whole))
                    record = self.records[segment.number]
                    record.sentence_ends_s = _joined(record.earlier, segment, found)
                    record.ended = record.characters, record.sentences, record.sentence_ends_s
                self._current = None

    def _request(self, at: float, label: str, number: int) -> None:
        if number in self.records:
            self.records[number].attempts += 1
            self.records[number].label = label
            return
        self.records[number] = SegmentRecord(number, label, at)
        if len(self.records) > MAX_SEGMENTS:
            oldest = self.records.pop(next(iter(self.records)))
            self.dropped += 1
            is_rest = oldest.continues and self._dropped_sentences > 0
            self._dropped_sentences += len(oldest.sentence_ends_s) - is_rest

    def _place(self, segment: Segment, starts_s: float | None, ends_s: float | None = None) -> None:
        if (record := self.records.get(segment.number)) is None:
            return
        if segment.part > record.part:
            record.part, record.earlier = segment.part, record.ended
        characters, sentences, _ = record.earlier
        record.characters = characters + len(segment.text)
        record.sentences = sentences + len(segment.sentences)
        if not sentences:
            record.continues, record.starts_s = segment.continues, starts_s
        record.ends_s = ends_s

    def to_json(self, report: SinkReport) -> list[dict[str, Any]]:
        """Return the segments of a text in order, as JSON objects."""
        rows, before_s = [], 0.0
        silences = Silences(report, with_pauses=False)
        for record in self._in_order():
            if record.characters:
                rows.append(_row(record, before_s, silences))
                before_s = record.ends_s if record.ends_s is not None else before_s
        return rows

    def usage(self) -> dict[str, Any] | None:
        """Return what all answers used, as a JSON object; None if no server said so."""
        total: Usage | None = None
        for record in self.records.values():
            total = added(total, record.answer.usage)
        return None if total is None else usage_json(total)

    def spoken_sentences(self, heard_s: float) -> tuple[int, int]:
        """Return how many sentences were heard in ``heard_s``, and how many are known.

        Within a segment that is an estimate, which `voicecli.audio.alignment` makes.
        """
        return count_spoken(self._spoken_segments(), heard_s)

    def _spoken_segments(self) -> Iterator[SpokenSegment]:
        yield SpokenSegment([0.0] * self._dropped_sentences)
        current, expected = self._current, self._times.so_far()
        for record in self._in_order():
            ends_s = record.sentence_ends_s
            if current is not None and current.number == record.number:
                ends_s = _joined(record.earlier, current, _whole_ends_s(current, expected))
            if ends_s:
                yield SpokenSegment(ends_s, record.continues)

    def _in_order(self) -> list[SegmentRecord]:
        return sorted(self.records.values(), key=lambda record: record.number)


def _whole_ends_s(segment: Segment, times: Sequence[Stretch]) -> Sequence[float]:
    """Return the ends of a segment's sentences, without those of clauses before the last."""
    ends_s = array("d")
    for sentence, stretch in zip(segment.sentences, times, strict=False):
        if sentence.continues and ends_s:
            ends_s.pop()
        ends_s.append(stretch.ends_s)
    return ends_s


def _joined(earlier: _Parts, segment: Segment, ends_s: Sequence[float]) -> Sequence[float]:
    """Join the sentences of a part to those before it, which it may begin in the middle of."""
    before_s = earlier[2][:-1] if segment.continues and ends_s else earlier[2]
    return [*before_s, *ends_s]


def _row(record: SegmentRecord, before_s: float, silences: Silences) -> dict[str, Any]:
    first_at = record.first_byte_at
    return {
        "number": record.number,
        "chars": record.characters,
        "sentences": record.sentences,
        "endpoint": record.label,
        "attempts": record.attempts,
        "ttfb_ms": milliseconds(None if first_at is None else first_at - record.requested_at),
        "audio_s": round(record.audio_s, 6),
        "at_s": None if record.starts_s is None else round(record.starts_s, 4),
        "seam_ms": _seam_ms(record, before_s, silences),
        "said": record.answer.said,
        "reworded": record.answer.is_reworded,
        "cached": record.answer.is_cached,
        "usage": None if record.answer.usage is None else usage_json(record.answer.usage),
    }


def _seam_ms(record: SegmentRecord, before_s: float, silences: Silences) -> float | None:
    """Return the silence before a segment beyond what was intended; None for the first."""
    if not record.number or record.starts_s is None:
        return None
    return milliseconds(silences.between_s(before_s - _SEAM_S, record.starts_s + _SEAM_S))
