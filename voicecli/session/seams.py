"""Join segments into one sound: where each begins and ends, and the pauses between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.telemetry.events import SegmentEnded, SegmentPlaced
from voicecli.telemetry.sentences import SentenceTimes
from voicecli.text.segment import Segment

if TYPE_CHECKING:
    from voicecli.audio.pcm import Pcm
    from voicecli.clock import Clock
    from voicecli.playback.seam import SeamJoiner
    from voicecli.session.pace import Pace
    from voicecli.telemetry.observers import Observers


class SeamPauses(NamedTuple):
    """Longest silence of the voice's own that is kept between two segments, in seconds."""

    sentence_s: float = 0.35
    paragraph_s: float = 0.7


class Seams:
    """Joins the blocks of segments, and reports where each segment is in the sound.

    Blocks of sound without a text pass through untouched. One thread at a time.
    """

    def __init__(
        self,
        observers: Observers,
        clock: Clock,
        pauses: SeamPauses | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._observers = observers
        self._clock = clock
        self._pauses = pauses or SeamPauses()
        self._pace = pace
        self._joiner: SeamJoiner | None = None
        self._times = SentenceTimes()
        self._segment: Segment | None = None
        self._kept: Segment | None = None  # the part of it that is kept, if it is cut
        self._is_placed = False
        self._is_whole = True

    @property
    def number(self) -> int:
        """The number of the segment that is being added, 0 without any."""
        return self._segment.number if self._segment is not None else 0

    def begin(self, segment: Segment) -> list[Pcm]:
        """Begin a segment; return what was left of the one before."""
        from voicecli.playback.seam import SeamJoiner  # noqa: PLC0415  numpy comes with it

        if self._joiner is None:
            self._joiner = SeamJoiner(self._pauses.sentence_s)
        limit_s = self._pauses.sentence_s
        if segment.begins_paragraph:
            limit_s = self._pauses.paragraph_s
        elif segment.continues:
            limit_s = min(limit_s, _CLAUSE_S)
        blocks = self.end()
        blocks += self._passed(self._joiner.begin(limit_s=limit_s, pause_s=segment.pause_ms / 1e3))
        self._segment, self._kept = segment, None
        self._is_placed, self._is_whole = False, True
        return blocks

    def break_off(self) -> None:
        """Note that the sound of the current segment is incomplete."""
        self._is_whole = False

    def add(self, block: Pcm) -> list[Pcm]:
        """Return what can be played now."""
        if self._joiner is None:
            return [block]
        blocks = self._joiner.add(block)
        if self._pace is not None:
            self._pace.decoded(sum(block.duration_s for block in blocks))
        self._report_start()
        return self._passed(blocks)

    def whole_sentences(self) -> int | None:
        """Return how many sentences of a broken segment are certainly complete in the sound.

        None if there is no sound of the segment.
        """
        return self._times.whole_so_far() if self._is_placed else None

    def cut_to(self, sentences: int) -> None:
        """End the segment after its first ``sentences``: the rest is requested again."""
        if self._segment is not None:
            number, part = self._segment.number, self._segment.part
            self._kept = Segment(number, self._segment.sentences[:sentences], part)
            self._is_whole = False

    def end(self) -> list[Pcm]:
        """End a segment without knowing yet whether another follows."""
        if self._joiner is None or self._segment is None:
            return []
        blocks = self._joiner.pause()
        self._report_start()
        starts_s, ends_s = self._joiner.sound
        segment = self._segment if self._kept is None else self._kept
        if segment.sentences:
            now = self._clock.now()
            event = SegmentEnded(now, segment, starts_s, ends_s, self._is_whole)
            self._observers.notify(event)
        if ends_s is not None:
            self._times.end(ends_s, is_whole=self._is_whole)
        if self._pace is not None:
            self._pace.ended(self._segment)
        self._segment = None
        return self._passed(blocks)

    def flush(self) -> list[Pcm]:
        """End the sound; return all that is still held."""
        if self._joiner is None:
            return []
        blocks = self.end()
        return blocks + self._joiner.flush()

    def _passed(self, blocks: list[Pcm]) -> list[Pcm]:
        for block in blocks:
            self._times.decoded(block)
        return blocks

    def _report_start(self) -> None:
        assert self._joiner is not None
        if self._segment is None or self._is_placed or self._joiner.sound.starts_s is None:
            return
        self._is_placed = True
        starts_s = self._joiner.sound.starts_s
        self._times.begin(self._segment, starts_s)
        self._observers.notify(SegmentPlaced(self._clock.now(), self._segment, starts_s))


_CLAUSE_S = 0.2
"""Longest silence kept before a segment that starts in the middle of a sentence."""
