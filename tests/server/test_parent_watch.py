from __future__ import annotations

import os
import signal
import threading

import pytest

from voicecli.server import parent_watch
from voicecli.server.parent_watch import end_with_input

PATIENCE_S = 20.0


@pytest.fixture
def asked_to_end():
    """Set by a SIGTERM to this process, whose handler comes back afterwards."""
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    yield asked
    signal.signal(signal.SIGTERM, before)


def test_its_end_is_a_signal(asked_to_end):
    read, write = os.pipe()
    thread = end_with_input(read)
    assert thread.daemon  # nobody waits for it
    assert not asked_to_end.is_set()
    os.close(write)
    thread.join(PATIENCE_S)
    assert asked_to_end.wait(PATIENCE_S)
    os.close(read)


def test_what_it_says_is_nothing(asked_to_end, monkeypatch):
    said = [b"x", b"", b"y", b"x"]

    def read(descriptor, _size):
        assert descriptor == 0
        assert not asked_to_end.is_set()
        return said.pop()

    monkeypatch.setattr(parent_watch.os, "read", read)
    parent_watch.end_with_input().join(PATIENCE_S)
    assert asked_to_end.wait(PATIENCE_S)
    assert said == [b"x"]


def test_one_that_is_not_there_has_ended(asked_to_end):
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    end_with_input(read).join(PATIENCE_S)
    assert asked_to_end.wait(PATIENCE_S)
