from __future__ import annotations

import threading

import pytest

from voicecli.errors import CorruptStream, DeviceError, NetworkError, ThreadError
from voicecli.session.messages import (
    Cancelled,
    Draining,
    Failed,
    FirstBytes,
    InternalError,
    Mailbox,
    Rendered,
)


@pytest.fixture
def mailbox():
    return Mailbox()


def test_messages_come_in_order(mailbox):
    fault = NetworkError("gone")
    mailbox.put(FirstBytes())
    mailbox.fail(fault)
    mailbox.put(Draining())
    assert [mailbox.get(1) for _ in range(3)] == [FirstBytes(), Failed(fault), Draining()]


def test_an_empty_mailbox_yields_nothing(mailbox):
    assert mailbox.get(0.0) is None
    assert list(mailbox.drain()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (error := CorruptStream("noise"), Failed(error)),
        (error := DeviceError("unplugged"), Failed(error, fatal=True)),
        (error := ThreadError("no more"), Failed(error, fatal=True)),
        (error := ZeroDivisionError(), InternalError(error)),
        (error := KeyboardInterrupt(), InternalError(error)),
    ],
)
def test_an_exception_that_ended_a_thread_is_reported_by_its_kind(mailbox, fault, message):
    mailbox.report_exception(fault)
    assert mailbox.get(1) == message


def test_a_device_error_reported_by_a_stage_is_not_fatal(mailbox):
    fault = DeviceError("busy")
    mailbox.fail(fault)
    assert mailbox.get(1) == Failed(fault, fatal=False)


def test_drain_yields_what_is_there(mailbox):
    messages = [FirstBytes(), Draining(), Cancelled()]
    for message in messages:
        mailbox.put(message)
    assert list(mailbox.drain()) == messages
    assert mailbox.get(0.0) is None


def test_a_reader_is_woken_by_another_thread(mailbox):
    thread = threading.Thread(target=mailbox.put, args=(Rendered(),))
    thread.start()
    assert mailbox.get(10) == Rendered()
    thread.join()
