from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.onset import THRESHOLD_RMS, OnsetDetector
from voicecli.audio.pcm import Pcm

RATE_HZ = 8000
WINDOW = 80


def signal(*parts, rate_hz=RATE_HZ):
    """Parts of (frames, level) as float32 mono; a constant's RMS is its level."""
    samples = np.concatenate([np.full(frames, level, np.float32) for frames, level in parts])
    return Pcm(samples.reshape(-1, 1), rate_hz)


def onset_ms(*blocks):
    detector = OnsetDetector()
    for block in blocks:
        detector.feed(block)
    return detector.onset_ms


@pytest.mark.parametrize(
    ("silent_windows", "expected_ms"), [(0, 0.0), (1, 10.0), (25, 250.0), (123, 1230.0)]
)
def test_silent_windows_before_the_first_loud_one_are_counted(silent_windows, expected_ms):
    assert onset_ms(signal((WINDOW * silent_windows, 0.0), (WINDOW, 0.5))) == expected_ms


def test_a_short_loud_part_of_a_window_can_suffice():
    loud = signal((WINDOW - 8, 0.0), (8, 0.5))  # RMS 0.5 × √(8/80) = 0.158
    assert onset_ms(signal((WINDOW, 0.0)), loud) == 10.0


@pytest.mark.parametrize(("level", "expected"), [(1.01, 0.0), (0.99, None)])
def test_the_threshold_is_40_db_below_full_scale(level, expected):
    assert 20 * math.log10(THRESHOLD_RMS) == pytest.approx(-40)
    assert onset_ms(signal((WINDOW, level * THRESHOLD_RMS))) == expected


def test_only_silence_has_no_onset():
    assert onset_ms(signal((RATE_HZ, 0.0))) is None
    assert onset_ms() is None


def test_an_incomplete_last_window_does_not_count():
    assert onset_ms(signal((WINDOW - 1, 0.5))) is None


def test_all_channels_of_int16_count_together():
    samples = np.zeros((WINDOW * 2, 2), np.int16)
    samples[WINDOW:, 1] = 600  # RMS over both channels: 600 / 32768 / √2 = 0.0129
    assert onset_ms(Pcm(samples, RATE_HZ)) == 10.0
    samples[WINDOW:, 1] = 400
    assert onset_ms(Pcm(samples, RATE_HZ)) is None


def test_audio_after_the_onset_is_ignored():
    detector = OnsetDetector()
    detector.feed(signal((WINDOW, 0.5)))
    detector.feed(signal((WINDOW * 9, 0.0)))
    assert detector.onset_ms == 0.0


@settings(max_examples=50)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(0, 2000))
def test_block_boundaries_do_not_matter(lengths, silent):
    whole = signal((silent, 0.0), (400, 0.3))
    detector, start = OnsetDetector(), 0
    for length in [*lengths, 1 << 20]:
        detector.feed(Pcm(whole.samples[start : start + length], RATE_HZ))
        start += length
    assert detector.onset_ms == onset_ms(whole)


@pytest.mark.parametrize(("first_hz", "then_hz"), [(48_000, 8000), (8000, 48_000)])
def test_the_rate_may_change_inside_a_window(first_hz, then_hz):
    """As in chained streams: a window begun at one rate ends at the length of the other."""
    begun = first_hz // 100 - 1
    silence = signal((begun, 0.0), rate_hz=first_hz)
    loud = signal((then_hz // 10, 0.5), rate_hz=then_hz)
    assert onset_ms(silence, loud) == (10.0 if first_hz > then_hz else 0.0)


def test_a_rate_without_whole_windows():
    assert onset_ms(signal((440, 0.0), (220, 0.5), rate_hz=22_050)) == pytest.approx(20.0, abs=0.1)
