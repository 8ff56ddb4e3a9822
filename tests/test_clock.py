from __future__ import annotations

import threading
import time

import pytest

from tests.session.fakes import FakeClock
from voicecli.clock import Deadline, SystemClock, VirtualClock


def test_the_system_clocks():
    clock = SystemClock()
    before = time.monotonic(), time.time()
    now, wall = clock.now(), clock.wall()
    after = time.monotonic(), time.time()
    assert before[0] <= now <= after[0]
    assert before[1] <= wall <= after[1]


def test_a_wait_returns_whether_it_was_notified():
    clock, condition = SystemClock(), threading.Condition()

    def call():
        with condition:
            condition.notify()

    caller = threading.Thread(target=call)
    with condition:
        assert clock.wait(condition, 0.0) is False
        caller.start()  # it gets the condition only once we wait
        assert clock.wait(condition, None) is True
    caller.join()


def test_a_deadline_expires():
    clock = FakeClock()
    deadline = Deadline(clock, 2.0)
    assert deadline.remaining_s == 2.0
    clock.advance(1.5)
    assert deadline.remaining_s == 0.5
    clock.advance(0.5)
    assert deadline.remaining_s == 0.0
    clock.advance(9.0)
    assert deadline.remaining_s == 0.0


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
def test_a_deadline_may_expire_at_once(timeout_s):
    deadline = Deadline(FakeClock(), timeout_s)
    assert deadline.remaining_s == 0.0


def test_a_deadline_without_limit_never_expires():
    clock = FakeClock()
    deadline = Deadline(clock, None)
    clock.advance(1e9)
    assert deadline.remaining_s is None


def test_virtual_time_passes_only_by_waits():
    clock, condition = VirtualClock(), threading.Condition()
    assert (clock.now(), clock.wall()) == (0.0, 0.0)
    with condition:
        assert clock.wait(condition, 2.5) is False
    clock.advance_to(4.0)
    assert clock.now() == 4.0
    clock.advance_to(3.0)
    assert (clock.now(), clock.wall()) == (4.0, 4.0), "it never goes back"


def test_a_virtual_wait_needs_a_timeout():
    with pytest.raises(AssertionError):
        VirtualClock().wait(threading.Condition(), None)
