from __future__ import annotations

import pytest

from voicecli.playback.ideal import IdealPlayer
from voicecli.playback.policy import JITTER_S, AdaptivePolicy, BufferPolicy

RATE_HZ = 1000


def test_frames_wait_for_the_policy_and_are_heard_at_once():
    player = IdealPlayer(RATE_HZ, BufferPolicy.fixed(0.3))
    player.arrive(200, 5.0)
    assert player.waiting_s == 0.2
    assert player.timeline.first_sound_at is None
    player.arrive(200, 5.5)
    assert player.waiting_s == 0
    assert player.timeline.first_sound_at == player.gate.released_at == 5.5
    assert player.timeline.ends_at == pytest.approx(5.9)


def test_frames_that_became_due_are_released_late():
    player = IdealPlayer(RATE_HZ, AdaptivePolicy().with_history([0.3] * 5))
    player.arrive(1000, 5.0)
    player.catch_up(5.2)
    assert player.timeline.first_sound_at is None
    player.arrive(1000, 7.0)
    assert player.timeline.first_sound_at == pytest.approx(5.0 + 0.3 * 1.5 + JITTER_S)
    assert len(player.timeline.underruns) == 1


def test_the_end_releases_now_and_not_before():
    player = IdealPlayer(RATE_HZ, BufferPolicy.fixed(0.3))
    player.arrive(200, 5.0)
    player.end(6.0)
    assert player.timeline.first_sound_at == 6.0
    player.end(7.0)
    assert player.timeline.ends_at == pytest.approx(6.2)


def test_levels_are_reported_around_each_arrival():
    levels = []
    player = IdealPlayer(RATE_HZ, BufferPolicy.fixed(0.5), levels.append)
    player.arrive(500, 1.0)
    player.arrive(500, 1.25)
    player.arrive(400, 4.0)
    player.end(4.5)
    assert levels == [0.5, 0.25, 0.75]


def test_a_pause_does_not_make_what_arrives_in_it_late():
    player = IdealPlayer(RATE_HZ, BufferPolicy.fixed(0.1))
    player.arrive(1000, 0.0)
    player.pause(3.0)  # it has starved for two seconds by now
    player.arrive(1000, 4.0)
    assert player.gate.needed_s == pytest.approx(2.0)
    player.resume(9.0)
    player.arrive(1000, 9.5)
    assert player.gate.needed_s == pytest.approx(2.0)
