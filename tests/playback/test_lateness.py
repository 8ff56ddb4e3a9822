from __future__ import annotations

import itertools

from voicecli.playback.lateness import Lateness

LATENCY_S = 0.04
PIECE_S = 0.01


def fed(lateness, lates_s):
    """Feed figures as a sink does: what was recorded does not show in later ones."""
    recorded_s, found = 0.0, []
    for late_s in lates_s:
        moved_s = lateness.add(late_s - recorded_s, PIECE_S)
        recorded_s += moved_s
        if moved_s:
            lateness.forget()
            found.append(round(moved_s, 4))
    return found


def test_what_a_device_is_late_from_the_start_is_recorded_once():
    lateness = Lateness(LATENCY_S)
    assert fed(lateness, [0.003] * 100) == [0.003]
    assert lateness.is_settled


def test_figures_that_are_too_high_are_noise():
    noise = itertools.islice(itertools.cycle([0.0, 0.009, 0.004, 0.02]), 100)
    assert fed(Lateness(LATENCY_S), noise) == []


def test_a_jump_that_stays_is_a_gap():
    lateness = Lateness(LATENCY_S)
    assert fed(lateness, [0.001] * 30 + [0.031] * 30) == [0.001, 0.03]
    assert lateness.least_gap_s < 0.03


def test_a_crystal_that_is_off_is_followed_in_small_steps():
    for drift in (1e-3, -1e-3):
        lateness = Lateness(LATENCY_S)
        steps = fed(lateness, [n * 0.01 * drift for n in range(3000)])
        assert abs(sum(steps) - 0.03 * (1 if drift > 0 else -1)) < 0.002
        assert max(map(abs, steps)) < lateness.least_gap_s


def test_after_a_restart_it_settles_again():
    lateness = Lateness(LATENCY_S)
    assert fed(lateness, [0.001] * 30) == [0.001]
    lateness.restart()
    assert not lateness.is_settled
    assert fed(lateness, [0.05] * 30) == [0.05]


def test_a_device_that_was_on_time_is_settled_too():
    lateness = Lateness(LATENCY_S)
    assert fed(lateness, [0.0] * 8) == []
    assert lateness.is_settled


def test_short_pieces_count_by_their_length():
    lateness = Lateness(LATENCY_S)
    assert not any(lateness.add(0.003, 0.0001) for _ in range(700))
    assert any(lateness.add(0.003, 0.01) for _ in range(8))


def test_a_figure_alone_is_certain_only_beyond_what_a_device_holds():
    lateness = Lateness(LATENCY_S)
    assert not lateness.has_jumped(0.2)  # it may be late from the start
    lateness.forget()
    assert not lateness.has_jumped(0.06)
    assert lateness.has_jumped(0.2)


def test_figures_that_were_too_low_are_not_a_jump_afterwards():
    lateness = Lateness(LATENCY_S)
    lateness.has_jumped(-0.15)
    assert not lateness.has_jumped(0.0)
