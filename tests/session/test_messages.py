from __future__ import annotations

import threading

import pytest

from voicecli.errors import CorruptStream, DeviceError, NetworkError
from voicecli.session.messages import Defect, Event, Failed, Mailbox


@pytest.fixture
def mailbox():
    return Mailbox()


def test_messages_come_in_order(mailbox):
    fault = NetworkError("gone")
    mailbox.put(Event.FIRST_BYTES)
    mailbox.fail(fault)
    mailbox.put(Event.DRAINING)
    assert [mailbox.get(1) for _ in range(3)] == [Event.FIRST_BYTES, Failed(fault), Event.DRAINING]


def test_an_empty_one_gives_nothing(mailbox):
    assert mailbox.get(0.0) is None
    assert list(mailbox.rest()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (error := CorruptStream("noise"), Failed(error)),
        (error := DeviceError("unplugged"), Failed(error, fatal=True)),
        (error := ZeroDivisionError(), Defect(error)),
        (error := KeyboardInterrupt(), Defect(error)),
    ],
)
def test_what_ended_a_thread_is_told_by_its_kind(mailbox, fault, message):
    mailbox.end(fault)
    assert mailbox.get(1) == message


def test_a_device_that_is_told_by_its_stage_is_no_end(mailbox):
    fault = DeviceError("busy")
    mailbox.fail(fault)
    assert mailbox.get(1) == Failed(fault, fatal=False)


def test_the_rest_is_what_is_there(mailbox):
    for event in Event:
        mailbox.put(event)
    assert list(mailbox.rest()) == list(Event)
    assert mailbox.get(0.0) is None


def test_a_reader_is_woken_by_another_thread(mailbox):
    thread = threading.Thread(target=mailbox.put, args=(Event.RENDERED,))
    thread.start()
    assert mailbox.get(10) is Event.RENDERED
    thread.join()
