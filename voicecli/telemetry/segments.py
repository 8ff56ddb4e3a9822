"""What became of each segment of a text: its request, its place in the sound, its seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.telemetry.events import (
    Decoded,
    Received,
    Requested,
    Retrying,
    SegmentEnded,
    SegmentPlaced,
)
from voicecli.telemetry.underruns import milliseconds
from voicecli.text.timing import timed_sentences

if TYPE_CHECKING:
    from voicecli.playback.base import SinkReport
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

_SEAM_S = 0.002
"""A gap this close to a seam is at the seam: positions are rounded to frames."""


@dataclass(slots=True)
class SegmentRecord:
    """One segment; times are clock seconds, positions seconds of the joined sound."""

    number: int
    label: str
    requested_at: float
    attempts: int = 1
    first_byte_at: float | None = None
    audio_s: float = 0.0
    segment: Segment | None = None
    starts_s: float | None = None
    ends_s: float | None = None
    has_ended: bool = False


class SegmentTable:
    """An observer that keeps a record of every segment; called from the session's threads."""

    def __init__(self) -> None:
        self.records: dict[int, SegmentRecord] = {}

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        match event:
            case Requested(at, label, number):
                if number in self.records:
                    self.records[number].attempts += 1
                else:
                    self.records[number] = SegmentRecord(number, label, at)
            case Retrying(_, _, _, number) if number in self.records:
                self.records[number].first_byte_at = None
            case Received(at, _, number) if number in self.records:
                record = self.records[number]
                if record.first_byte_at is None:
                    record.first_byte_at = at
            case Decoded(_, pcm, _, number) if number in self.records:
                self.records[number].audio_s += pcm.duration_s
            case SegmentPlaced(_, segment, starts_s) if segment.number in self.records:
                record = self.records[segment.number]
                record.segment, record.starts_s = segment, starts_s
            case SegmentEnded(_, segment, starts_s, ends_s) if segment.number in self.records:
                record = self.records[segment.number]
                record.segment, record.starts_s, record.ends_s = segment, starts_s, ends_s
                record.has_ended = True

    def to_json(self, report: SinkReport) -> list[dict[str, Any]]:
        """Return the segments of a text in order, as JSON has them."""
        rows, before_s = [], 0.0
        for record in sorted(self.records.values(), key=lambda record: record.number):
            if record.segment is None:
                continue
            rows.append(_row(record, before_s, report))
            before_s = record.ends_s if record.ends_s is not None else before_s
        return rows

    def spoken_sentences(self, spoken_s: float) -> tuple[int, int]:
        """Return how many sentences were heard, and how many are known of.

        A sentence within a segment counts by its share of the characters.
        """
        heard = known = 0
        was_heard = False
        for record in sorted(self.records.values(), key=lambda record: record.number):
            if record.segment is None or record.starts_s is None:
                continue
            ends_s = record.starts_s if record.ends_s is None else record.ends_s
            for sentence in timed_sentences(record.segment, record.starts_s, ends_s):
                # Nobody misses what is left unsaid in the last 50 ms of a sentence.
                is_heard = record.has_ended and sentence.ends_s <= spoken_s + 0.05
                if sentence.continues and known:  # it was heard if its last part was
                    heard -= was_heard
                else:
                    known += 1
                heard += is_heard
                was_heard = is_heard
        return heard, known


def _row(record: SegmentRecord, before_s: float, report: SinkReport) -> dict[str, Any]:
    assert record.segment is not None
    first_at = record.first_byte_at
    return {
        "number": record.number,
        "chars": len(record.segment.text),
        "sentences": len(record.segment.sentences),
        "endpoint": record.label,
        "attempts": record.attempts,
        "ttfb_ms": milliseconds(None if first_at is None else first_at - record.requested_at),
        "audio_s": round(record.audio_s, 6),
        "at_s": None if record.starts_s is None else round(record.starts_s, 4),
        "seam_ms": _seam_ms(record, before_s, report),
    }


def _seam_ms(record: SegmentRecord, before_s: float, report: SinkReport) -> float | None:
    """Return the silence before a segment beyond what was intended; None for the first."""
    if not record.number or record.starts_s is None:
        return None
    late_s = sum(
        gap.silence_s
        for gap in (*report.underruns, *report.text_waits)
        if before_s - _SEAM_S <= gap.at_s <= record.starts_s + _SEAM_S
    )
    return milliseconds(late_s)
