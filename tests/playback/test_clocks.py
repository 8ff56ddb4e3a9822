"""The virtual clock is an instrument: it is examined before it is trusted."""

from __future__ import annotations

import threading

import pytest

from tests.playback.clocks import Stuck


def test_time_passes_only_by_waiting(clock):
    before = clock.now()
    clock.sleep(3600.0)
    assert clock.now() == before + 3600.0


def test_a_wait_times_out(clock):
    condition, before = threading.Condition(), clock.now()
    with condition:
        assert not clock.wait(condition, 2.5)
    assert clock.now() == before + 2.5


def test_a_notified_thread_wakes_at_once(clock):
    condition, box, log = threading.Condition(), [], []

    def consume():
        with condition:
            while not box:
                assert clock.wait(condition, 100.0)
            log.append((clock.now(), box.pop()))

    thread = clock.spawn(consume)
    before = clock.now()
    clock.sleep(1.5)
    with condition:
        box.append("parcel")
        condition.notify_all()
    thread.join(10.0)
    assert log == [(before + 1.5, "parcel")]


def test_events_come_in_order_of_time(clock):
    before, log = clock.now(), []
    clock.after(2.0, lambda: log.append("b"))
    clock.after(1.0, lambda: log.append("a"))
    clock.after(9.0, lambda: log.append("c"))
    clock.sleep_until(before + 5.0)
    assert log == ["a", "b"]


def test_a_wait_that_can_never_end_raises(clock):
    condition = threading.Condition()
    with condition, pytest.raises(Stuck):
        clock.wait(condition, None)


def test_errors_of_threads_are_raised_by_join(clock):
    def fail():
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        clock.spawn(fail).join(1.0)
    assert clock.running() == 0


def test_join_times_out(clock):
    thread, before = clock.spawn(lambda: clock.sleep(50.0)), clock.now()
    thread.join(2.0)
    assert clock.now() == pytest.approx(before + 2.0)
    assert clock.running() == 1
