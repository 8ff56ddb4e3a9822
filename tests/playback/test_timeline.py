from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.playback.base import Underrun
from voicecli.playback.timeline import Silence, Timeline

RATE_HZ = 1000  # a frame is a millisecond


def slow_reference(pushes, delay_ms, preroll_ms):
    """Play frame by frame, in whole milliseconds; return when each is heard."""
    heard, free_at = [], None
    if preroll_ms:
        free_at = pushes[0][0] + delay_ms + preroll_ms
    for now, frames in pushes:
        for _ in range(frames):
            at = now + delay_ms if free_at is None else max(free_at, now + delay_ms)
            heard.append(at)
            free_at = at + 1
    return heard


pushes = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), min_size=1, max_size=12)


@settings(max_examples=100)
@given(pushes, st.sampled_from([0, 20]), st.sampled_from([0, 30]))
def test_the_timeline_agrees_with_playing_frame_by_frame(steps, delay_ms, preroll_ms):
    arrivals, now = [], 5
    for pause, frames in steps:
        now += pause
        arrivals.append((now, frames))
    heard = slow_reference(arrivals, delay_ms, preroll_ms)
    timeline = Timeline(RATE_HZ, delay_s=delay_ms / 1e3)
    if preroll_ms:
        timeline.push_silence(preroll_ms, arrivals[0][0] / 1e3)
    for pushed, (at, frames) in enumerate(arrivals):
        timeline.push(frames, at / 1e3)
        so_far = heard[: sum(frames for _, frames in arrivals[: pushed + 1])]
        for look in range(at, so_far[-1] + 3, 3):
            # Half a frame on, so that rounding has no say.
            position = sum(t + 0.5 <= look for t in so_far)
            assert timeline.position(look / 1e3) == pytest.approx(position, abs=1)
    assert timeline.first_sound_at == pytest.approx(heard[0] / 1e3)
    assert timeline.ends_at == pytest.approx((heard[-1] + 1) / 1e3)
    gaps = [
        (i / RATE_HZ, (heard[i] - heard[i - 1] - 1) / 1e3)
        for i in range(1, len(heard))
        if heard[i] > heard[i - 1] + 1
    ]
    reported = [(u.at_s, u.silence_s) for u in timeline.underruns]
    assert len(reported) == len(gaps)
    for got, expected in zip(reported, gaps, strict=True):
        assert got == pytest.approx(expected)


def test_nothing_is_known_before_the_first_frame():
    timeline = Timeline(RATE_HZ)
    timeline.push_silence(100, 5.0)
    assert (timeline.ends_at, timeline.starved_at, timeline.first_sound_at) == (None, None, None)
    assert timeline.position(99.0) == 0
    assert timeline.buffered_s(5.0) == 0


def test_silence_in_front_moves_the_first_frame():
    timeline = Timeline(RATE_HZ)
    timeline.push_silence(100, 5.0)
    timeline.push_silence(100, 5.05)
    timeline.push(50, 5.1)
    assert timeline.first_sound_at == pytest.approx(5.2)
    assert timeline.buffered_s(5.1) == pytest.approx(0.15)
    assert timeline.underruns == []


def test_piece_at_the_very_end_of_the_one_before_leaves_no_gap():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.push(500, 1.5)
    assert timeline.underruns == []
    assert timeline.ends_at == 2.0


def test_less_than_half_a_frame_is_not_a_gap():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.push(500, 1.5004)
    assert timeline.underruns == []
    assert timeline.ends_at == pytest.approx(2.0004)
    timeline.push(500, 2.001)
    assert timeline.underruns == [Underrun(1.0, pytest.approx(0.0006))]


def test_delayed_device_has_to_be_fed_a_delay_before_its_sound_ends():
    timeline = Timeline(RATE_HZ, delay_s=0.25)
    timeline.push(500, 1.0)
    assert timeline.ends_at == 1.75
    assert timeline.starved_at == 1.5
    timeline.push(500, 1.75)
    assert timeline.underruns == [Underrun(0.5, 0.25)]


def test_right_after_a_gap_what_was_heard_before_stays_heard():
    timeline = Timeline(RATE_HZ, delay_s=0.25)
    timeline.push(500, 1.0)
    timeline.push(500, 1.6)  # heard from 1.85 on; the first piece ends at 1.75
    assert timeline.position(1.6) == 350
    assert timeline.position(1.8) == 500
    assert timeline.position(1.95) == 600


@pytest.mark.parametrize("late_s", [-0.08, 0.08])
def test_a_device_that_differs_from_the_books_is_followed(late_s):
    timeline = Timeline(RATE_HZ, delay_s=0.1)
    timeline.push(500, 1.0)
    assert timeline.late_s(400, 1.1 + late_s) == pytest.approx(late_s)
    timeline.shift(late_s)
    assert timeline.ends_at == pytest.approx(1.6 + late_s)
    assert timeline.underruns == []


def test_a_device_that_was_late_had_a_gap_before_what_it_was_late_for():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.postpone(100, 0.25)
    assert timeline.underruns == [Underrun(0.4, 0.25)]
    assert timeline.underruns[0].is_device
    assert timeline.ends_at == pytest.approx(1.75)
    assert [timeline.position(at) for at in (1.4, 1.5, 1.65, 1.75)] == [400, 400, 400, 500]


def test_late_again_at_once_it_was_late_once():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.postpone(100, 0.25)
    timeline.push(10, 1.85, silence=Silence.DEVICE)
    timeline.push(10, 1.9, silence=Silence.DEVICE)
    assert timeline.underruns == [Underrun(0.4, 0.25), Underrun(0.5, pytest.approx(0.14))]


def test_a_pause_is_kept_apart_from_the_gap_that_it_fell_into():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.push(500, 3.5, paused_s=1.5)
    assert timeline.silences[Silence.PAUSE] == [Underrun(0.5, 1.5)]
    assert timeline.underruns == [Underrun(0.5, 0.5)]


def test_what_is_taken_back_was_not_heard():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    assert timeline.cut(1.2) == 300
    assert (timeline.next_position, timeline.heard(9.0), timeline.ends_at) == (200, 200, 1.2)
    assert timeline.cut(9.0) == 0


def test_what_is_heard_twice_counts_twice():
    timeline = Timeline(RATE_HZ)
    timeline.push(500, 1.0)
    timeline.jump(100)
    timeline.push(200, 1.5)
    assert [timeline.position(at) for at in (1.4, 1.6, 9.0)] == [400, 200, 300]
    assert timeline.heard(9.0) == 700
