from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.arrivals import Progress
from voicecli.playback.policy import (
    CAPACITY_S,
    JITTER_S,
    TAKEN_AT_START,
    AdaptivePolicy,
    BufferPolicy,
    Thresholds,
    recent_quantile,
)

FIXED = Thresholds(start_s=0.1, resume_s=0.5)
ADAPTIVE = AdaptivePolicy()


def progress(*arrivals: tuple[float, float]) -> Progress:
    (at, duration_s), *others = arrivals
    made = Progress.begin(at, duration_s)
    for at, duration_s in others:
        made = made.after(at, duration_s)
    return made


def wait_of(policy: AdaptivePolicy, *arrivals: tuple[float, float], ahead_s: float = 0.0) -> float:
    not_before = policy.thresholds(progress(*arrivals), ahead_s).not_before
    return max(0.0, not_before - arrivals[0][0])


@pytest.mark.parametrize(("buffered_s", "at"), [(0.0, inf), (0.099, inf), (0.1, -inf)])
def test_sound_starts_at_its_threshold(buffered_s, at):
    assert FIXED.starts_at(buffered_s, input_ended=False) == at


@pytest.mark.parametrize(("buffered_s", "after_s"), [(0.1, inf), (0.499, inf), (0.5, 0.0)])
def test_sound_resumes_at_its_own_threshold(buffered_s, after_s):
    assert FIXED.resumes_after(buffered_s, 0, input_ended=False) == after_s


def test_a_fixed_threshold_does_not_grow():
    assert FIXED.resumes_after(0.5, 5, input_ended=False) == 0


def test_sound_waits_for_its_time():
    thresholds = FIXED._replace(not_before=12.5)
    assert thresholds.starts_at(0.1, input_ended=False) == 12.5
    assert thresholds.starts_at(0.09, input_ended=False) == inf


def test_each_pause_refills_twice_as_much():
    thresholds = Thresholds(0.1, 0.4, pause_s=0.12, most_s=1.0)
    enough = [0.4, 0.8, 1.0, 1.0]
    for pauses, refill_s in enumerate(enough):
        assert thresholds.resumes_after(refill_s, pauses, input_ended=False) == 0.12
        assert thresholds.resumes_after(refill_s - 0.01, pauses, input_ended=False) == inf


def test_the_end_of_input_releases_what_is_buffered():
    thresholds = Thresholds(0.1, 0.4, not_before=99.0, pause_s=0.12, most_s=1.0)
    assert thresholds.starts_at(0.001, input_ended=True) == -inf
    assert thresholds.resumes_after(0.001, 3, input_ended=True) == 0.0


@pytest.mark.parametrize("ended", [True, False])
def test_an_empty_buffer_never_starts(ended):
    thresholds = Thresholds(0.0, 0.0)
    assert thresholds.starts_at(0.0, input_ended=ended) == inf
    assert thresholds.resumes_after(0.0, 0, input_ended=ended) == inf


def test_a_fixed_policy_ignores_history():
    policy = BufferPolicy.fixed(0.3)
    assert policy == BufferPolicy(0.3, 0.3)
    assert policy.with_history([1.0]) == policy
    assert policy.thresholds(progress((5.0, 0.1), (9.0, 0.1)), 0.05) == Thresholds(0.3, 0.3)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_thresholds_fit_into_the_capacity(start_s, resume_s):
    capacity_s = BufferPolicy(start_s, resume_s).capacity_s
    assert capacity_s >= CAPACITY_S
    assert capacity_s >= 2 * max(start_s, resume_s)
    assert ADAPTIVE.capacity_s >= 2 * max(ADAPTIVE.start_s, ADAPTIVE.most_refill_s)


def test_before_the_first_arrival_there_is_no_wait():
    assert ADAPTIVE.thresholds(None, 0.05).starts_at(1.0, input_ended=False) == -inf


def test_a_fast_server_is_not_waited_for():
    assert wait_of(ADAPTIVE, (10.0, 0.1), (10.05, 0.1)) == 0
    assert wait_of(ADAPTIVE, (10.0, 0.5)) == 0
    assert wait_of(ADAPTIVE.with_history([0.0] * 3), (10.0, 0.1)) == 0


def test_the_second_piece_of_an_unknown_server_is_waited_for_a_little():
    assert wait_of(ADAPTIVE, (10.0, 0.1)) == pytest.approx(ADAPTIVE.late_s)
    assert wait_of(ADAPTIVE.with_history([0.0]), (10.0, 0.1)) == pytest.approx(
        ADAPTIVE.late_s * 2 / 3
    )


def test_an_unknown_server_whose_first_piece_would_do_is_not_waited_for_long():
    assert wait_of(ADAPTIVE, (10.0, 0.1), (10.5, 0.1)) == pytest.approx(0.12)
    assert wait_of(ADAPTIVE, (10.0, 0.02), (10.5, 0.1)) > 0.5


def test_an_unknown_slow_server_is_waited_for():
    steady = [(10.0 + i * 0.05, 0.05) for i in range(9)]
    assert wait_of(ADAPTIVE, *steady) == pytest.approx(ADAPTIVE.unsure_s)
    assert wait_of(ADAPTIVE.with_history([0.0]), *steady) == pytest.approx(
        ADAPTIVE.unsure_s * 2 / 3
    )
    assert wait_of(ADAPTIVE.with_history([0.0] * 3), *steady) == 0


def test_lateness_lengthens_the_wait():
    late = [(10.0, 0.1), (10.3, 0.1)]
    known = ADAPTIVE.with_history([0.0] * 3)
    assert wait_of(known, *late) == pytest.approx(0.2 * ADAPTIVE.safety)


def test_past_needs_are_waited_for_unless_they_are_jitter():
    assert wait_of(ADAPTIVE.with_history([0.2] * 5), (10.0, 1.0)) == pytest.approx(
        0.2 * ADAPTIVE.safety + JITTER_S
    )
    assert wait_of(ADAPTIVE.with_history([JITTER_S] * 5), (10.0, 1.0)) == 0


def test_a_piece_must_outlast_what_the_device_takes_at_once():
    """By past runs the second piece arrives 35 ms before the first one of 90 ms has ended."""
    known = ADAPTIVE.with_history([-0.035] * 3)
    assert wait_of(known, (10.0, 0.09), ahead_s=0.04) == pytest.approx(
        TAKEN_AT_START * 0.04 - 0.035
    )
    assert wait_of(known, (10.0, 0.09)) == 0  # a device that takes nothing ahead
    assert wait_of(known, (10.0, 0.07), ahead_s=0.04) == 0  # starts with the second piece
    assert wait_of(ADAPTIVE.with_history([-0.06] * 3), (10.0, 0.09), ahead_s=0.04) == 0


def test_what_is_left_in_hand_must_outlast_the_wait_for_the_next_piece():
    """Pieces of 45 ms at 1.15 times real time, of which the device takes 1.25 × 40 ms."""
    known = ADAPTIVE.with_history([0.0] * 3)
    steady = [(10.0 + i * 0.045 / 1.15, 0.045) for i in range(3)]
    assert wait_of(known, *steady[:2], ahead_s=0.04) == pytest.approx(
        2 * 0.045 / 1.15 - 2 * 0.045 + TAKEN_AT_START * 0.04
    )
    assert wait_of(known, *steady[:2]) == 0
    assert wait_of(known, (10.0, 0.1), (10.0, 0.0), (12.0, 0.0), ahead_s=0.04) > 0
    slow = [(10.0, 0.1), (10.9, 0.01)]
    assert wait_of(known, *slow, ahead_s=0.04) <= ADAPTIVE.most_wait_s + 0.04


def test_what_was_learned_is_no_longer_than_the_longest_wait():
    assert ADAPTIVE.with_history([5.0] * 5).learned_s == ADAPTIVE.most_wait_s


def test_the_wait_includes_what_the_device_asks_ahead():
    known = ADAPTIVE.with_history([0.2] * 5)
    apart = wait_of(known, (10.0, 1.0), ahead_s=0.05) - wait_of(known, (10.0, 1.0))
    assert apart == pytest.approx(0.05)


def test_the_start_threshold_covers_what_the_device_takes():
    def start_s(ahead_s):
        return ADAPTIVE.thresholds(progress((5.0, 0.1), (5.1, 0.4)), ahead_s).start_s

    assert start_s(0.0) == ADAPTIVE.start_s
    assert start_s(0.1) == pytest.approx(TAKEN_AT_START * 0.1 + ADAPTIVE.chunk_s)
    assert start_s(0.001) == ADAPTIVE.start_s


def test_an_outlier_among_many_runs_is_ignored():
    assert wait_of(ADAPTIVE.with_history([0.0] * 30 + [5.0]), (10.0, 1.0)) == 0


def test_old_runs_lose_their_weight():
    worse = ADAPTIVE.with_history([0.5] * 10)
    better = ADAPTIVE.with_history([0.5] * 10 + [0.0] * 30)
    assert wait_of(worse, (10.0, 1.0)) > 0.5
    assert wait_of(better, (10.0, 1.0)) == 0


@given(
    st.lists(st.floats(0, 100), max_size=40),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.001, 2)), min_size=1, max_size=20),
)
def test_the_wait_is_bounded(history, steps):
    at, arrivals = 1000.0, []
    for pause_s, duration_s in steps:
        at += pause_s
        arrivals.append((at, duration_s))
    policy = ADAPTIVE.with_history(history)
    assert wait_of(policy, *arrivals) <= policy.most_wait_s + 1e-9


@pytest.mark.parametrize(
    ("values", "quantile", "expected"),
    [([], 0.9, 0.0), ([3.0], 0.9, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 3.0), ([1, 9], 1.0, 9)],
)
def test_quantiles_weigh_recent_values(values, quantile, expected):
    assert recent_quantile(values, quantile, half_life=8.0) == expected


def test_quantiles_tolerate_rounding():
    values = [0.1 * i for i in range(1000)]
    assert recent_quantile(values, 1.0, half_life=1e9) == pytest.approx(99.9)
    assert recent_quantile(values, 1.1, half_life=8.0) == pytest.approx(99.9)
