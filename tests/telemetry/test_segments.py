from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from voicecli.audio.pcm import Pcm
from voicecli.playback.base import SinkReport
from voicecli.telemetry import segments
from voicecli.telemetry.events import Decoded, Requested, SegmentEnded, SegmentPlaced
from voicecli.telemetry.segments import SegmentTable
from voicecli.text.segment import Segment, Sentence, Span

RATE_HZ = 1000


def sentence(text, **how):
    return Sentence(0, text, Span(0, 1), **how)


def texts(*lengths):
    return tuple(sentence("x" * length) for length in lengths)


def tone(seconds, value=0.2):
    return Pcm(np.full((round(seconds * RATE_HZ), 1), value, np.float32), RATE_HZ)


class Run:
    """A table, and the run that it observes."""

    def __init__(self):
        self.table = SegmentTable()
        self.at_s = 0.0
        self._number = 0

    def segment(self, sentences, *sound, ended=True, is_whole=True):
        """A segment of speech and silence in turns, of so many seconds each."""
        segment = Segment(self._number, tuple(sentences))
        self.table(Requested(0.0, "http://x", self._number))
        starts_s = self.at_s
        self.table(SegmentPlaced(0.0, segment, starts_s))
        for number, seconds in enumerate(sound):
            block = tone(seconds, value=0.0 if number % 2 else 0.2)
            self.table(Decoded(0.0, block, 0.0, self._number))
            self.at_s += seconds
        if ended:
            self.table(SegmentEnded(0.0, segment, starts_s, self.at_s, is_whole))
        self._number += 1
        return self

    def spoken(self, *heard_s: float) -> list[int]:
        return [self.table.spoken_sentences(each)[0] for each in heard_s]


class TestSpokenSentences:
    def test_a_sentence_counts_by_its_share_of_a_segment(self):
        run = Run().segment(texts(9, 9), 2.0).segment(texts(9), 3.0)
        assert run.spoken(0.0, 0.9, 1.0, 1.9, 2.0, 4.9, 5.0) == [0, 0, 1, 1, 2, 2, 3]
        assert run.table.spoken_sentences(9.0) == (3, 3)

    def test_a_sentence_in_two_clauses_is_one_and_heard_with_its_last(self):
        rest = (sentence("we stay.", continues=True), sentence("Else not."))
        run = Run().segment([sentence("If it rains,")], 1.0).segment(rest, 2.0)
        assert run.spoken(1.1, 2.1, 9.0) == [0, 1, 2]
        assert run.table.spoken_sentences(9.0)[1] == 2

    def test_clauses_of_one_segment_are_one_sentence(self):
        run = Run().segment([sentence("If so,"), sentence("no.", continues=True)], 1.0)
        assert run.table.spoken_sentences(0.7) == (0, 1)

    @pytest.mark.parametrize("pace", [0.05, 0.065, 0.08])
    def test_it_counts_within_a_segment_that_is_still_decoded(self, pace):
        """Three sentences of 40 characters, of which five halves have been decoded."""
        run = Run()
        each = 40 * pace
        run.segment(texts(40, 40, 40), each, 0.4, each, 0.4, each / 2, ended=False)
        ends = [each, 2 * each + 0.4]
        assert run.spoken(*(end - 0.2 for end in ends)) == [0, 1]
        assert run.spoken(*(end + 0.1 for end in ends)) == [1, 2]
        assert run.spoken(run.at_s) == [2]

    def test_without_pauses_the_pace_of_earlier_segments_counts(self):
        run = Run().segment(texts(40), 4.0).segment(texts(39, 39, 39), 9.0, ended=False)
        assert run.spoken(7.8, 8.1, 11.8, 12.1, 13.0) == [1, 2, 2, 3, 3]

    def test_all_of_it_is_spoken_once_it_has_ended(self):
        run = Run().segment(texts(40, 40), 9.0, ended=False)
        assert run.spoken(9.0) == [2]
        assert Run().segment(texts(40, 40), 1.0).spoken(1.0) == [2]

    def test_sound_that_broke_off_does_not_count_as_all_of_its_text(self):
        run = Run().segment(texts(40, 40, 40), 2.6, 0.4, 1.0, is_whole=False)
        assert run.spoken(run.at_s) == [1]


def test_the_oldest_segments_are_dropped_and_their_sentences_still_count(monkeypatch):
    monkeypatch.setattr(segments, "MAX_SEGMENTS", 3)
    run = Run()
    for _ in range(5):
        run.segment(texts(20, 20), 1.0)
    assert run.table.dropped == 2
    assert [row["number"] for row in run.table.to_json(SinkReport())] == [2, 3, 4]
    assert run.table.spoken_sentences(4.5) == (9, 10)


def test_no_text_is_kept():
    run = Run()
    tracemalloc.start()
    try:
        for number in range(500):
            run.segment([sentence(f"{number} " + "x" * 2000)], 0.01)
        assert tracemalloc.get_traced_memory()[0] < 500 * 1000
    finally:
        tracemalloc.stop()
