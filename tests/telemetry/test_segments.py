from __future__ import annotations

import pytest

from voicecli.telemetry.events import Requested, SegmentEnded, SegmentPlaced
from voicecli.telemetry.segments import SegmentTable
from voicecli.text.segment import Segment, Sentence, Span


def sentence(text, **how):
    return Sentence(0, text, Span(0, 1), **how)


def table(*segments):
    """Segments, each with the sentences' texts and where its speech is."""
    made = SegmentTable()
    for number, (sentences, starts_s, ends_s) in enumerate(segments):
        segment = Segment(number, tuple(sentences))
        made(Requested(0.0, "http://x", number))
        made(SegmentPlaced(0.0, segment, starts_s))
        if ends_s is not None:
            made(SegmentEnded(0.0, segment, starts_s, ends_s))
    return made


@pytest.mark.parametrize(
    ("spoken_s", "heard"), [(0.0, 0), (0.9, 0), (1.0, 1), (1.9, 1), (2.0, 2), (4.9, 2), (5.0, 3)]
)
def test_sentences_count_by_their_share_of_a_segment(spoken_s, heard):
    made = table(
        ([sentence("x" * 9), sentence("y" * 9)], 0.0, 2.0),
        ([sentence("z" * 9)], 2.5, 5.0),
    )
    assert made.spoken_sentences(spoken_s) == (heard, 3)


def test_a_sentence_in_two_clauses_is_one_and_heard_with_its_last():
    made = table(
        ([sentence("If it rains,")], 0.0, 1.0),
        ([sentence("we stay.", continues=True), sentence("Else not.")], 1.2, 3.2),
    )
    assert made.spoken_sentences(1.1) == (0, 2)
    assert made.spoken_sentences(2.2) == (1, 2)
    assert made.spoken_sentences(9.0) == (2, 2)


def test_a_segment_that_has_not_ended_is_not_heard():
    assert table(([sentence("Hello.")], 0.0, None)).spoken_sentences(9.0) == (0, 1)
