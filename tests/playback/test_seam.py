"""Silence between segments is shortened to what is natural; speech is never touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.pcm import Pcm
from voicecli.playback.seam import FADE_S, SeamJoiner

RATE_HZ = 8000
WINDOW = 80


def speech(seconds: float) -> np.ndarray:
    frames = round(seconds * RATE_HZ)
    wave = np.sin(np.arange(frames) * 2 * np.pi * 200 / RATE_HZ + 1) * 8000
    return wave.astype(np.int16)[:, None]


def silence(seconds: float, level: int = 0) -> np.ndarray:
    frames = round(seconds * RATE_HZ)
    return (np.resize([level, -level], frames)).astype(np.int16)[:, None]


def join(segments, *, cuts=(), limit_s=0.35, pause_s=0.0) -> np.ndarray:
    joiner, played = SeamJoiner(hold_after_s=min(limit_s, 0.35)), []
    for segment in segments:
        played += joiner.begin(limit_s=limit_s, pause_s=pause_s if played else 0.0)
        for block in np.split(segment, sorted(c for c in cuts if c < len(segment))):
            played += joiner.add(Pcm(block, RATE_HZ))
    played += joiner.flush()
    assert joiner.played_s == pytest.approx(sum(block.duration_s for block in played))
    return np.concatenate([block.samples for block in played])


def longest_silence_s(samples: np.ndarray) -> float:
    quiet = np.abs(samples[:, 0]) < 60
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]]).astype(int)))
    runs = edges[1::2] - edges[::2]
    return float(runs.max()) / RATE_HZ if len(runs) else 0.0


def test_one_segment_passes_whole_with_head_and_tail():
    segment = np.concatenate([silence(0.8), speech(0.5), silence(1.5), speech(0.3), silence(0.9)])
    assert np.array_equal(join([segment]), segment)


def test_silence_at_a_seam_is_shortened_to_the_limit():
    first, second = speech(0.5), speech(0.4)
    joined = join([np.concatenate([first, silence(0.6)]), np.concatenate([silence(0.5), second])])
    expected_s = 0.5 + 0.35 + 0.4
    assert len(joined) / RATE_HZ == pytest.approx(expected_s, abs=FADE_S + 0.001)
    assert np.array_equal(joined[: len(first)], first)
    assert np.array_equal(joined[-len(second) + WINDOW :], second[WINDOW:])


def test_a_short_natural_pause_is_kept_as_it_is():
    segments = [
        np.concatenate([speech(0.5), silence(0.1)]),
        np.concatenate([silence(0.1), speech(0.4)]),
    ]
    assert np.array_equal(join(segments), np.concatenate(segments))


def test_segments_without_silence_join_sample_to_sample():
    segments = [speech(0.5), speech(0.4), speech(0.3)]
    assert np.array_equal(join(segments), np.concatenate(segments))


def test_silence_inside_a_segment_is_never_shortened():
    inner = np.concatenate([speech(0.2), silence(2.0), speech(0.2)])
    joined = join([inner, inner])
    assert np.array_equal(joined[: len(inner)], inner)
    assert longest_silence_s(joined) == pytest.approx(2.0, abs=0.02)


def test_a_pause_that_the_text_asks_for_is_filled_up():
    joined = join([speech(0.3), speech(0.3)], pause_s=0.5)
    assert len(joined) / RATE_HZ == pytest.approx(1.1, abs=0.001)
    assert longest_silence_s(joined) == pytest.approx(0.5, abs=0.02)


def test_a_pause_that_the_text_asks_for_keeps_the_background_noise():
    noise = silence(0.5, level=20)
    segments = [np.concatenate([speech(0.3), noise]), speech(0.3)]
    assert np.array_equal(join(segments, pause_s=0.5), np.concatenate(segments))


def test_a_cut_in_noise_does_not_click():
    noise = silence(0.6, level=60)
    joined = join([np.concatenate([speech(0.3), noise]), np.concatenate([noise, speech(0.3)])])
    steps = np.abs(np.diff(joined[round(0.32 * RATE_HZ) : -round(0.32 * RATE_HZ), 0].astype(int)))
    assert steps.max() <= 2 * 60


def test_a_segment_of_silence_alone_stays_within_the_limit():
    joined = join([speech(0.3), silence(1.0), speech(0.3)])
    assert len(joined) / RATE_HZ == pytest.approx(0.6 + 0.35, abs=0.02)


@given(st.lists(st.integers(1, 12_000), max_size=8))
def test_the_result_does_not_depend_on_how_blocks_are_cut(cuts):
    segments = [
        np.concatenate([silence(0.213), speech(0.3), silence(0.7), speech(0.1), silence(0.613)]),
        np.concatenate([silence(0.403), speech(0.2), silence(0.5)]),
        speech(0.3),
    ]
    assert np.array_equal(join(segments, cuts=set(cuts)), join(segments))


def test_long_silence_is_not_held_for_ever():
    joiner = SeamJoiner()
    joiner.begin(limit_s=0.35)
    played = joiner.add(Pcm(speech(0.1), RATE_HZ))
    played += [block for _ in range(30) for block in joiner.add(Pcm(silence(1.0), RATE_HZ))]
    assert sum(block.duration_s for block in played) > 15


@pytest.mark.parametrize(
    "other",
    [
        Pcm(speech(0.5), 2 * RATE_HZ),
        Pcm(np.repeat(speech(0.5), 2, axis=1), RATE_HZ),
        Pcm(speech(0.5).astype(np.float32) / 32768, RATE_HZ),
    ],
    ids=["rate", "channels", "type"],
)
def test_less_than_a_window_is_not_joined_to_sound_of_another_format(other):
    joiner = SeamJoiner()
    joiner.begin(limit_s=0.35)
    first = speech(0.5)[:-5]
    played = [*joiner.add(Pcm(first, RATE_HZ)), *joiner.add(other), *joiner.flush()]
    begun = np.concatenate([block.samples for block in played[:2]])
    assert np.array_equal(begun, first)
    rest = played[2:]
    assert {block.rate_hz for block in rest} == {other.rate_hz}
    assert np.array_equal(np.concatenate([block.samples for block in rest]), other.samples)


def test_segments_may_differ_in_rate_channels_and_type():
    joiner = SeamJoiner()
    stereo = np.repeat(speech(0.3), 2, axis=1).astype(np.float32) / 32768
    played = joiner.begin(limit_s=0.35)
    played += joiner.add(Pcm(np.concatenate([speech(0.3), silence(0.5)]), RATE_HZ))
    played += joiner.begin(limit_s=0.35)
    played += joiner.add(Pcm(np.ascontiguousarray(stereo), 2 * RATE_HZ))
    played += joiner.flush()
    assert sum(b.duration_s for b in played) == pytest.approx(0.3 + 0.35 + 0.15, abs=0.006)
    assert played[0].format == Pcm(speech(0.1), RATE_HZ).format
    assert (played[-1].rate_hz, played[-1].channels) == (2 * RATE_HZ, 2)


def test_it_says_where_the_speech_of_a_segment_lies():
    joiner = SeamJoiner()
    joiner.begin(limit_s=0.35)
    joiner.add(Pcm(np.concatenate([silence(0.1), speech(0.5), silence(0.6)]), RATE_HZ))
    assert joiner.sound == pytest.approx((0.1, 0.6))
    joiner.begin(limit_s=0.35)
    joiner.add(Pcm(np.concatenate([silence(0.2), speech(0.4)]), RATE_HZ))
    assert joiner.sound == pytest.approx((0.955, 1.355), abs=0.001)


def test_a_paragraph_keeps_more_silence_than_was_passed_on_before_it_was_known():
    ends = np.concatenate([speech(0.3), silence(1.0)])
    joined = join([ends, speech(0.3)], limit_s=0.7)
    assert len(joined) / RATE_HZ == pytest.approx(0.6 + 0.7, abs=0.006)
