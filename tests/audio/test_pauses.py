from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.pauses import PauseDetector
from voicecli.audio.pcm import Pcm


def sound(*parts, rate_hz=8000, channels=1):
    """Tone and silence in turns, of so many seconds each."""
    pieces = [
        np.full((round(seconds * rate_hz), channels), 0 if number % 2 else 0.2, np.float32)
        for number, seconds in enumerate(parts)
    ]
    return Pcm(np.concatenate(pieces), rate_hz)


def pauses(*blocks):
    detector = PauseDetector()
    for block in blocks:
        detector.feed(block)
    return [(round(p.starts_s, 6), round(p.ends_s, 6)) for p in detector.pauses]


def test_silence_between_sounds_is_found():
    assert pauses(sound(0.5, 0.3, 0.4, 0.2, 0.1)) == [(0.5, 0.8), (1.2, 1.4)]
    assert pauses(sound(0.5, 0.3, 0.4, channels=2)) == [(0.5, 0.8)]


@pytest.mark.parametrize("parts", [(0.5, 0.14, 0.5), (0.5, 1.0), (0.5,), ()])
def test_short_silence_and_silence_at_the_end_are_none(parts):
    assert pauses(*[sound(*parts)] if parts else []) == []


@given(st.lists(st.integers(1, 12_000), max_size=8))
def test_they_do_not_depend_on_how_the_sound_is_cut(cuts):
    whole = sound(0.5, 0.3, 0.4, 0.2, 0.1)
    edges = sorted({0, *(cut for cut in cuts if cut < whole.frames), whole.frames})
    blocks = [Pcm(whole.samples[begin:end], whole.rate_hz) for begin, end in pairwise(edges)]
    assert pauses(*blocks) == pauses(whole)


def test_a_pause_may_span_a_change_of_the_rate():
    found = pauses(sound(0.5, 0.105), sound(0, 0.2, 0.5, rate_hz=48_000))
    assert found == [(0.5, pytest.approx(0.805, abs=0.006))]


@pytest.mark.parametrize(("silence_s", "found"), [(0.3, [(0.5, 0.8)]), (0.1, []), (0.0, [])])
def test_a_pause_that_lasts_counts_so_far(silence_s, found):
    detector = PauseDetector()
    detector.feed(sound(0.5, silence_s))
    assert [(round(p.starts_s, 6), round(p.ends_s, 6)) for p in detector.so_far()] == found
    assert detector.pauses == []


def test_pauses_count_from_where_the_first_block_begins():
    detector = PauseDetector(at_s=10.0)
    detector.feed(sound(0.5, 0.3, 0.4, 0.2, 0.1))
    assert [round(p.starts_s, 6) for p in detector.pauses] == [10.5, 11.2]
    detector.forget_before(11.0)
    assert [round(p.starts_s, 6) for p in detector.pauses] == [11.2]
