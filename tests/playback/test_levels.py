from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.levels import BufferLevels


def test_levels_without_samples():
    levels = BufferLevels()
    assert (levels.first_s, levels.least_s, levels.mean_s) == (None, None, None)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_first_least_and_mean(samples):
    levels = BufferLevels()
    for sample in samples:
        levels.add(sample)
    assert levels.first_s == samples[0]
    assert levels.least_s == min(samples)
    assert levels.mean_s == pytest.approx(sum(samples) / len(samples))
