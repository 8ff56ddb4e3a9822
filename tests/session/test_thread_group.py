from __future__ import annotations

import logging
import threading

import pytest

from tests.session.fakes import TIMEOUT_S, seen
from voicecli.session.thread_group import ThreadGroup


def test_threads_and_their_threads_are_joined():
    group, ended = ThreadGroup(on_exception=pytest.fail), []

    def parent():
        group.spawn(lambda: ended.append("child"), "voicecli-child")
        ended.append("parent")

    thread = group.spawn(parent, "voicecli-parent")
    assert (thread.name, thread.daemon) == ("voicecli-parent", True)
    group.join(TIMEOUT_S)
    assert sorted(ended) == ["child", "parent"]
    assert not thread.is_alive()


@pytest.mark.parametrize("fault", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_exceptions_are_reported(fault):
    faults = []
    group = ThreadGroup(faults.append)

    def work():
        raise fault

    group.spawn(work, "voicecli-work")
    group.join(TIMEOUT_S)
    assert faults == [fault]


def test_a_thread_that_does_not_end_is_left_behind_and_logged(caplog):
    """At INFO: a user who pressed Ctrl-C need not know about threads."""
    caplog.set_level(logging.INFO)
    group, gate = ThreadGroup(on_exception=pytest.fail), threading.Event()
    stuck = [group.spawn(lambda: seen(gate), f"voicecli-{n}") for n in range(2)]
    group.join(0.0)
    assert [record.args for record in caplog.records] == [("voicecli-0",), ("voicecli-1",)]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    gate.set()
    for thread in stuck:
        thread.join()


def test_one_thread_can_be_excluded(caplog):
    group, gate = ThreadGroup(on_exception=pytest.fail), threading.Event()
    kept = group.spawn(lambda: seen(gate), "voicecli-kept")
    group.spawn(lambda: None, "voicecli-other")
    group.join(TIMEOUT_S, except_for=kept)
    assert kept.is_alive()
    assert not caplog.records
    gate.set()
    kept.join()
