from __future__ import annotations

import inspect
import logging
import threading

from voicecli.errors import SaveError
from voicecli.session import Session
from voicecli.telemetry.eventlog import EventLog
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.observers import Observer, Observers
from voicecli.telemetry.trace import TraceWriter


class Listener:
    def __init__(self):
        self.heard = []

    def received(self, at, count):
        self.heard.append((at, count))


class Failing(Listener):
    def __init__(self, fault):
        super().__init__()
        self._fault = fault

    def received(self, at, count):
        super().received(at, count)
        raise self._fault


def test_tells_everyone_who_has_the_hook_in_order():
    order = []

    class Numbered:
        def __init__(self, number):
            self._number = number

        def failed(self, at, error):
            order.append((self._number, at, error))

    observers = Observers([Numbered(1), Listener(), Numbered(2)])
    observers.tell("failed", 5.0, "error")
    assert order == [(1, 5.0, "error"), (2, 5.0, "error")]


def test_one_that_raises_is_logged_once_and_dropped(caplog):
    before, failing, after = Listener(), Failing(ZeroDivisionError()), Listener()
    observers = Observers([before, failing, after])
    for at in (1.0, 2.0):
        observers.tell("received", at, 10)
    assert failing.heard == [(1.0, 10)]
    assert before.heard == after.heard == [(1.0, 10), (2.0, 10)]
    (record,) = caplog.records
    assert "received" in record.getMessage()
    assert record.exc_info[0] is ZeroDivisionError


def test_a_foreseen_fault_is_one_line(caplog):
    observers = Observers([Failing(SaveError("the disk is full"))])
    observers.tell("received", 1.0, 10)
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == ("the disk is full", None)
    assert record.levelno == logging.WARNING


def test_two_threads_that_meet_the_same_fault_drop_it_once(caplog):
    both = threading.Barrier(2, timeout=20)

    class Meeting:
        def received(self, at, count):
            both.wait()
            raise ZeroDivisionError

    left = Listener()
    observers = Observers([Meeting(), left])
    threads = [threading.Thread(target=observers.tell, args=("received", 1.0, 1)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    observers.tell("received", 2.0, 2)
    assert len(caplog.records) == 1
    assert left.heard == [(1.0, 1), (1.0, 1), (2.0, 2)]


def test_what_nobody_listens_for_is_known():
    observers = Observers([Failing(ZeroDivisionError()), Listener()])
    assert observers.listen_for("received") is True
    assert observers.listen_for("received_bytes") is False
    assert Observers([]).listen_for("received") is False


def test_whoever_was_dismissed_hears_nothing():
    listener = Listener()
    observers = Observers([listener])
    observers.dismiss()
    observers.tell("received", 1.0, 10)
    assert listener.heard == []


def hooks_of(kind):
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }


def test_our_observers_have_hooks_of_the_contract_and_no_others():
    """A hook that is misspelt would never be called, and nobody would notice."""
    contract = hooks_of(Observer)
    assert len(contract) == 17
    ours = {**hooks_of(EventLog), **hooks_of(Recorder), **hooks_of(TraceWriter)}
    for own in ("result", "arrival_curve"):
        ours.pop(own)
    ours["received"] = list(inspect.signature(Session.received).parameters)
    for name, parameters in ours.items():
        assert parameters == contract[name], name
