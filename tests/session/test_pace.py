"""What a run measures of an endpoint, and the sound that is still to come."""

from __future__ import annotations

import pytest

from voicecli.session.pace import Pace
from voicecli.text.grouping import Estimate
from voicecli.text.segment import Segment, Sentence, Span

PRIOR = Estimate(first_byte_s=0.5, per_character_s=0.01, speech_per_character_s=0.1)


def segment(number=0, characters=100):
    return Segment(number, (Sentence(number, "x" * characters, Span(0, characters)),))


@pytest.fixture
def pace():
    return Pace(PRIOR)


def speak(pace, number=0, seconds=10.0, characters=100):
    """Let a segment be requested, decoded and ended."""
    pace.requested(segment(number, characters))
    pace.decoded(seconds)
    pace.ended(segment(number, characters))


def test_nothing_is_in_hand_before_the_first_request(pace):
    assert pace.in_hand_s(0.0) is None


def test_before_the_first_sound_the_wait_for_it_counts_as_well(pace):
    pace.requested(segment())
    assert pace.in_hand_s(0.0) == pytest.approx(0.5 + 10.0)


def test_what_is_decoded_of_a_segment_does_not_count_twice(pace):
    pace.requested(segment())
    pace.decoded(4.0)
    assert pace.in_hand_s(0.0) == pytest.approx(10.0)  # 4 decoded, 6 expected
    assert pace.in_hand_s(3.0) == pytest.approx(7.0)


def test_a_segment_longer_than_expected_leaves_only_its_decoded_sound(pace):
    pace.requested(segment())
    pace.decoded(12.0)
    assert pace.in_hand_s(11.0) == pytest.approx(1.0)


def test_each_segment_that_was_requested_counts(pace):
    speak(pace)
    pace.requested(segment(1))
    pace.requested(segment(2))
    assert pace.in_hand_s(9.0) == pytest.approx(1.0 + 10.0 + 10.0)


def test_this_run_replaces_the_estimate_of_earlier_ones(pace):
    assert pace.estimate() == PRIOR
    assert not pace.is_measured
    speak(pace, seconds=6.0)
    pace.fetched(100, first_byte_s=0.2, total_s=2.2)
    assert pace.is_measured
    assert pace.estimate() == Estimate(0.2, pytest.approx(0.02), pytest.approx(0.06))


def test_a_segment_is_measured_by_its_own_sound(pace):
    speak(pace, 0, seconds=6.0)
    speak(pace, 1, seconds=4.0)
    assert pace.estimate().speech_per_character_s == pytest.approx(0.05)


def test_without_earlier_runs_the_defaults_count():
    assert Pace().estimate() == Estimate()


def test_the_middle_of_the_first_bytes_counts(pace):
    for first_byte_s in (0.1, 9.0, 0.3):
        pace.fetched(100, first_byte_s, first_byte_s + 1.0)
    assert pace.estimate().first_byte_s == 0.3


def test_short_segments_say_nothing_about_the_time_of_a_character(pace):
    speak(pace, seconds=2.0, characters=5)
    pace.fetched(5, first_byte_s=0.2, total_s=3.0)
    assert pace.estimate() == Estimate(0.2, 0.01, 0.1)
    assert not pace.is_measured
