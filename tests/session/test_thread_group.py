from __future__ import annotations

import logging
import threading

import pytest

from tests.session.fakes import PATIENCE_S, seen
from voicecli.session.thread_group import ThreadGroup


def test_everyone_is_joined_and_whoever_they_started():
    group, ended = ThreadGroup(on_exception=pytest.fail), []

    def parent():
        group.spawn(lambda: ended.append("child"), "voicecli-child")
        ended.append("parent")

    thread = group.spawn(parent, "voicecli-parent")
    assert (thread.name, thread.daemon) == ("voicecli-parent", True)
    group.join(PATIENCE_S)
    assert sorted(ended) == ["child", "parent"]
    assert not thread.is_alive()


@pytest.mark.parametrize("fault", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_no_fault_ends_with_its_thread(fault):
    faults = []
    group = ThreadGroup(faults.append)

    def work():
        raise fault

    group.spawn(work, "voicecli-work")
    group.join(PATIENCE_S)
    assert faults == [fault]


def test_who_does_not_end_is_left_behind_and_named_to_whoever_looks_for_it(caplog):
    """Not on a terminal: who pressed Ctrl-C knows, and need not know our threads."""
    caplog.set_level(logging.INFO)
    group, gate = ThreadGroup(on_exception=pytest.fail), threading.Event()
    stuck = [group.spawn(lambda: seen(gate), f"voicecli-{n}") for n in range(2)]
    group.join(0.0)
    assert [record.args for record in caplog.records] == [("voicecli-0",), ("voicecli-1",)]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    gate.set()
    for thread in stuck:
        thread.join()


def test_one_may_be_left_to_its_owner(caplog):
    group, gate = ThreadGroup(on_exception=pytest.fail), threading.Event()
    kept = group.spawn(lambda: seen(gate), "voicecli-kept")
    group.spawn(lambda: None, "voicecli-other")
    group.join(PATIENCE_S, except_for=kept)
    assert kept.is_alive()
    assert not caplog.records
    gate.set()
    kept.join()
