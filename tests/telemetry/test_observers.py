from __future__ import annotations

import logging
import threading

from tests.session.fakes import Watcher
from voicecli.errors import SaveError
from voicecli.telemetry.events import Received
from voicecli.telemetry.observers import Observers

FIRST, SECOND = Received(1.0, b"a"), Received(2.0, b"b")


class Failing(Watcher):
    def __init__(self, fault):
        super().__init__()
        self._fault = fault

    def __call__(self, event):
        super().__call__(event)
        raise self._fault


def test_observers_are_called_in_order():
    order = []
    observers = Observers([lambda event, number=number: order.append(number) for number in (1, 2)])
    observers.notify(FIRST)
    assert order == [1, 2]


def test_one_that_raises_is_logged_once_and_dropped(caplog):
    before, failing, after = Watcher(), Failing(ZeroDivisionError()), Watcher()
    observers = Observers([before, failing, after])
    for event in (FIRST, SECOND):
        observers.notify(event)
    assert failing.events == [FIRST]
    assert before.events == after.events == [FIRST, SECOND]
    (record,) = caplog.records
    assert "Received" in record.getMessage()
    assert record.exc_info[0] is ZeroDivisionError


def test_an_expected_error_is_logged_in_one_line(caplog):
    Observers([Failing(SaveError("the disk is full"))]).notify(FIRST)
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == ("the disk is full", None)
    assert record.levelno == logging.WARNING


def test_a_fault_of_the_machine_is_logged_in_one_line(caplog):
    Observers([Failing(OSError(24, "Too many open files"))]).notify(FIRST)
    (record,) = caplog.records
    assert record.getMessage().endswith("was dropped: Too many open files")
    assert (record.exc_info, record.levelno) == (None, logging.WARNING)


def test_one_that_fails_on_two_threads_at_once_is_dropped_once(caplog):
    both = threading.Barrier(2, timeout=20)

    def meet(event):
        both.wait()
        raise ZeroDivisionError

    left = Watcher()
    observers = Observers([meet, left])
    threads = [threading.Thread(target=observers.notify, args=(FIRST,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    observers.notify(SECOND)
    assert len(caplog.records) == 1
    assert left.events == [FIRST, FIRST, SECOND]


def test_cleared_observers_are_not_called():
    watcher = Watcher()
    observers = Observers([watcher])
    observers.clear()
    observers.notify(FIRST)
    assert watcher.events == []
