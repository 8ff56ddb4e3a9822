"""What the seams report of segments: where each begins and ends, and what of it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from tests.session.fakes import FakeClock
from voicecli.audio.pcm import Pcm
from voicecli.session.pace import Pace
from voicecli.session.seams import SeamPauses, Seams
from voicecli.telemetry.events import SegmentEnded, SegmentPlaced
from voicecli.telemetry.observers import Observers
from voicecli.text.segment import Segment, Sentence, Span

RATE_HZ = 8000


def segment(count=3, number=0):
    return Segment(number, tuple(Sentence(n, "x" * 20, Span(0, 20)) for n in range(count)))


def speech(seconds, before_s=0.0):
    silent, loud = round(before_s * RATE_HZ), round(seconds * RATE_HZ)
    samples = np.concatenate([np.zeros(silent), np.full(loud, 8000)]).astype(np.int16)
    return Pcm(samples[:, None], RATE_HZ)


@pytest.fixture
def events():
    return []


@pytest.fixture
def seams(events):
    return Seams(Observers([events.append]), FakeClock(), SeamPauses())


def reports(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_segment_is_placed_where_its_speech_begins(seams, events):
    seams.begin(segment())
    seams.add(speech(2.0, before_s=0.5))
    seams.end()
    (placed,), (ended,) = reports(events, SegmentPlaced), reports(events, SegmentEnded)
    assert placed.starts_s == ended.starts_s == pytest.approx(0.5)
    assert ended.ends_s == pytest.approx(2.5)
    assert ended.is_whole


def test_the_pace_is_measured_by_the_sound_of_whole_segments():
    pace = Pace()
    seams = Seams(Observers([]), FakeClock(), SeamPauses(), pace)
    for number in range(2):
        pace.requested(segment(number=number))
        seams.begin(segment(number=number))
        seams.add(speech(2.0))
        seams.end()
    assert pace.estimate().speech_per_character_s == pytest.approx(2.0 / len(segment().text))
    assert pace.in_hand_s(heard_s=1.0) == pytest.approx(3.0)


def test_a_segment_that_broke_off_ends_with_the_sentences_that_are_kept(seams, events):
    seams.begin(segment())
    seams.add(speech(2.0))
    seams.break_off()
    seams.cut_to(1)
    seams.begin(segment(2, number=1))
    seams.add(speech(2.0))
    seams.flush()
    first, second = reports(events, SegmentEnded)
    assert (len(first.segment.sentences), first.is_whole) == (1, False)
    assert (len(second.segment.sentences), second.is_whole) == (2, True)


def test_nothing_is_reported_of_a_segment_without_a_whole_sentence(seams, events):
    seams.begin(segment())
    seams.add(speech(1.0))
    seams.break_off()
    seams.cut_to(0)
    seams.end()
    assert reports(events, SegmentEnded) == []


def test_how_many_sentences_are_whole_is_not_known_without_sound(seams):
    seams.begin(segment())
    assert seams.whole_sentences() is None
    seams.add(speech(1.0))
    assert seams.whole_sentences() == 0
