from __future__ import annotations

import pytest

from voicecli.text.segment import Segment, Sentence, Span
from voicecli.text.timing import timed_sentences


def sentence(number, text, **how):
    return Sentence(number, text, Span(0, len(text)), **how)


def test_the_time_is_divided_by_characters():
    segment = Segment(0, (sentence(0, "x" * 9), sentence(1, "y" * 29, continues=True)))
    first, second = timed_sentences(segment, 1.0, 5.0)
    assert (first.text, first.continues) == ("x" * 9, False)
    assert (second.text, second.continues) == ("y" * 29, True)
    assert (first.starts_s, first.ends_s) == (1.0, pytest.approx(2.0))
    assert (second.starts_s, second.ends_s) == (pytest.approx(2.0), pytest.approx(5.0))


def test_an_end_before_the_beginning_is_no_time():
    (only,) = timed_sentences(Segment(0, (sentence(0, "x"),)), 1.0, 0.5)
    assert (only.starts_s, only.ends_s) == (1.0, 1.0)
