"""Where sentences are in the sound so far, and which are complete in sound that broke off."""

from __future__ import annotations

import numpy as np
import pytest

from voicecli.audio.pcm import Pcm
from voicecli.telemetry.sentences import SentenceTimes
from voicecli.text.segment import Segment, Sentence, Span

RATE_HZ = 8000
SPEAKING, SILENT = 0.2, 0.0


def sound(seconds, level=SPEAKING):
    return Pcm(np.full((round(seconds * RATE_HZ), 1), level, np.float32), RATE_HZ)


def segment(*lengths):
    return Segment(0, tuple(Sentence(0, "x" * length, Span(0, length)) for length in lengths))


def begun(*lengths, starts_s=0.0):
    times = SentenceTimes()
    times.begin(segment(*lengths), starts_s)
    return times


def speak(times, *seconds):
    """Let speech and silence be decoded in turns."""
    for number, each in enumerate(seconds):
        times.decoded(sound(each, SILENT if number % 2 else SPEAKING))


def edges(stretches):
    return [(round(each.starts_s, 2), round(each.ends_s, 2)) for each in stretches]


def test_without_a_segment_there_is_nothing():
    times = SentenceTimes()
    speak(times, 2.0)
    assert times.so_far() == times.end(2.0, is_whole=True) == []
    assert times.whole_so_far() == 0


def test_a_sentence_ends_where_the_voice_pauses():
    times = begun(20, 20)
    speak(times, 2.2, 0.4, 1.9)
    assert edges(times.end(4.5, is_whole=True)) == [(0.0, 2.2), (2.6, 4.5)]
    assert times.end(4.5, is_whole=True) == []  # it has ended


def test_pauses_of_earlier_segments_do_not_count():
    times = begun(20, 20)
    speak(times, 1.0, 0.4, 1.0)
    times.end(2.4, is_whole=True)
    times.begin(segment(20, 20), 2.4)
    speak(times, 2.0, 0.3, 2.0)
    assert edges(times.end(6.7, is_whole=True)) == [(2.4, 4.4), (4.7, 6.7)]


def test_sentences_before_the_end_of_broken_sound_are_complete():
    times = begun(20, 20, 20)
    speak(times, 1.4, 0.3, 1.4, 0.3, 0.5)
    assert times.whole_so_far() == 2


def test_the_last_sentence_is_never_known_to_be_complete():
    times = begun(20, 20)
    speak(times, 1.4, 0.3, 1.4, 0.3)
    assert times.whole_so_far() == 1


def test_nothing_is_complete_if_neither_a_pause_nor_the_pace_of_the_voice_is_known():
    times = begun(20, 20)
    speak(times, 4.0)
    assert times.whole_so_far() == 0


@pytest.mark.parametrize(("heard_s", "whole"), [(0.9, 0), (1.2, 1), (2.2, 2)])
def test_the_pace_of_earlier_segments_tells_where_a_voice_without_pauses_is(heard_s, whole):
    times = SentenceTimes()
    speak(times, 1.0)
    times.begin(segment(100), 1.0)
    speak(times, 5.0)
    times.end(6.0, is_whole=True)  # 50 ms a character
    times.begin(segment(20, 20, 20), 6.0)
    speak(times, heard_s)
    assert times.whole_so_far() == whole


@pytest.mark.parametrize(("characters", "is_whole"), [(5, True), (100, False)])
def test_short_and_broken_segments_say_nothing_about_the_pace(characters, is_whole):
    times = begun(characters)
    speak(times, 9.0)
    times.end(9.0, is_whole=is_whole)
    times.begin(segment(20, 20), 9.0)
    speak(times, 3.0)
    assert times.whole_so_far() == 0
