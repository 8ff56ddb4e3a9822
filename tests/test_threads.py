from __future__ import annotations

import threading

import pytest

from voicecli.errors import ThreadError
from voicecli.threads import spawn_daemon, start_thread


def test_a_thread_that_the_system_refuses_is_an_error_with_a_remedy(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ThreadError, match="no more threads can be started") as raised:
        spawn_daemon(lambda: None, "voicecli-test")
    assert "ulimit" in raised.value.remedy


def test_a_thread_that_is_started_twice_is_a_defect():
    thread = spawn_daemon(lambda: None, "voicecli-test")
    with pytest.raises(RuntimeError, match="once"):
        start_thread(thread)
