"""The downmix of ITU-R BS.775: each speaker's level in mono and stereo."""

from __future__ import annotations

import numpy as np
import pytest

from voicecli.audio.downmix import SPEAKERS, downmix
from voicecli.audio.pcm import NO_SPEAKERS

LEFT, RIGHT, CENTRE, SUB, BACK_LEFT, BACK_RIGHT = range(6)


def levels(channel, wanted, channels=6, speakers=0):
    """Return the level of one channel at full scale in each output."""
    samples = np.zeros((1, channels), np.float32)
    samples[0, channel] = 1.0
    return [round(float(level), 3) for level in downmix(samples, wanted, speakers)[0]]


@pytest.mark.parametrize(
    ("channel", "stereo", "mono"),
    [
        (LEFT, [1, 0], [0.707]),
        (RIGHT, [0, 1], [0.707]),
        (CENTRE, [0.707, 0.707], [1.0]),
        (SUB, [0, 0], [0]),
        (BACK_LEFT, [0.707, 0], [0.5]),
        (BACK_RIGHT, [0, 0.707], [0.5]),
    ],
)
def test_surround_has_the_levels_of_the_standard(channel, stereo, mono):
    assert levels(channel, 2) == stereo
    assert levels(channel, 1) == mono


@pytest.mark.parametrize(
    ("channels", "order"),
    [
        (3, "LRC"),
        (4, "LRlr"),
        (5, "LRClr"),
        (6, "LRC-lr"),
        (7, "LRC-mlr"),
        (8, "LRC-lrlr"),
    ],
)
def test_so_many_channels_have_a_usual_order(channels, order):
    expected = {
        "L": [1, 0],
        "R": [0, 1],
        "C": [0.707, 0.707],
        "l": [0.707, 0],
        "r": [0, 0.707],
        "m": [0.5, 0.5],
        "-": [0, 0],
    }
    for channel, speaker in enumerate(order):
        assert levels(channel, 2, channels) == expected[speaker]


def test_a_mask_says_which_channel_is_which():
    mask = sum(1 << SPEAKERS.index(name) for name in ("FL", "FR", "LFE", "BC"))
    assert [levels(n, 2, 4, mask) for n in range(4)] == [[1, 0], [0, 1], [0, 0], [0.5, 0.5]]


def test_channels_for_no_speaker_are_averaged():
    for channels, speakers in ((6, NO_SPEAKERS), (12, 0), (3, 1 << 3)):
        assert {tuple(levels(n, 2, channels, speakers)) for n in range(channels)} == {
            (round(1 / channels, 3),) * 2
        }


def test_channels_beyond_the_mask_are_left_out():
    assert levels(3, 2, 4, 0b111) == [0, 0]


def test_int16_is_scaled():
    assert downmix(np.full((3, 3), 8192, np.int16), 1)[0, 0] == pytest.approx(0.25 * 2.4142, 1e-3)
