from __future__ import annotations

import pytest

from voicecli.clock import VirtualClock
from voicecli.errors import DeviceError
from voicecli.playback.stall import STUCK_S, StallDetector


@pytest.fixture
def time():
    return VirtualClock()


def test_a_device_that_makes_progress_is_waited_for(time):
    detector = StallDetector(time, "playing")
    for heard in range(100):
        assert detector.remaining_s(heard) == pytest.approx(STUCK_S)
        time.advance_to(heard * (STUCK_S - 0.1))


def test_a_device_without_progress_is_an_error(time):
    detector = StallDetector(time, "taking audio")
    detector.remaining_s(7)
    time.advance_to(STUCK_S - 1)
    assert detector.remaining_s(7) == pytest.approx(1)
    time.advance_to(STUCK_S)
    with pytest.raises(DeviceError, match="has stopped taking audio"):
        detector.remaining_s(7)


def test_time_counts_from_the_first_call(time):
    detector = StallDetector(time, "playing")
    time.advance_to(100.0)
    assert detector.remaining_s(0) == STUCK_S


def test_grace_comes_on_top(time):
    assert StallDetector(time, "playing", 2.0).remaining_s(0) == STUCK_S + 2.0


def test_a_device_that_moves_again_is_forgiven(time):
    detector = StallDetector(time, "playing")
    detector.remaining_s(1)
    time.advance_to(STUCK_S - 1)
    detector.remaining_s(2)
    time.advance_to(STUCK_S + 1)
    assert detector.remaining_s(2) == pytest.approx(STUCK_S - 2)
