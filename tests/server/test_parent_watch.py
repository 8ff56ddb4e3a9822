from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from voicecli.server import parent_watch
from voicecli.server.parent_watch import terminate_on_eof

TIMEOUT_S = 20.0


@pytest.fixture
def terminated():
    """Set by a SIGTERM to this process."""
    event = threading.Event()
    previous = signal.signal(signal.SIGTERM, lambda _number, _frame: event.set())
    yield event
    signal.signal(signal.SIGTERM, previous)


def test_end_of_file_raises_sigterm(terminated):
    read, write = os.pipe()
    thread = terminate_on_eof(read)
    assert thread.daemon
    assert not terminated.is_set()
    os.close(write)
    thread.join(TIMEOUT_S)
    assert terminated.wait(TIMEOUT_S)
    os.close(read)


def test_content_is_ignored(terminated, monkeypatch):
    chunks = [b"x", b"", b"y", b"x"]

    def read(descriptor, _size):
        assert descriptor == 0
        assert not terminated.is_set()
        return chunks.pop()

    monkeypatch.setattr(parent_watch.os, "read", read)
    terminate_on_eof().join(TIMEOUT_S)
    assert terminated.wait(TIMEOUT_S)
    assert chunks == [b"x"]


def test_a_closed_descriptor_counts_as_ended(terminated):
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    terminate_on_eof(read).join(TIMEOUT_S)
    assert terminated.wait(TIMEOUT_S)


def test_a_server_that_does_not_serve_yet_exits_with_0():
    watch = "from voicecli.server.parent_watch import terminate_on_eof as watch; import time"
    program = f"{watch}; watch(); time.sleep(20)"
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0
