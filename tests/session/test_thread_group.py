from __future__ import annotations

import logging
import threading

import pytest

from tests.session.fakes import PATIENCE_S, seen
from voicecli.session.thread_group import ThreadGroup


def test_everyone_is_joined_and_whoever_they_started():
    crew, ended = ThreadGroup(on_fault=pytest.fail), []

    def parent():
        crew.spawn(lambda: ended.append("child"), "voicecli-child")
        ended.append("parent")

    thread = crew.spawn(parent, "voicecli-parent")
    assert (thread.name, thread.daemon) == ("voicecli-parent", True)
    crew.join(PATIENCE_S)
    assert sorted(ended) == ["child", "parent"]
    assert not thread.is_alive()


@pytest.mark.parametrize("fault", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_no_fault_ends_with_its_thread(fault):
    faults = []
    crew = ThreadGroup(faults.append)

    def work():
        raise fault

    crew.spawn(work, "voicecli-work")
    crew.join(PATIENCE_S)
    assert faults == [fault]


def test_who_does_not_end_is_left_behind_and_named_to_whoever_looks_for_it(caplog):
    """Not on a terminal: who pressed Ctrl-C knows, and need not know our threads."""
    caplog.set_level(logging.INFO)
    crew, gate = ThreadGroup(on_fault=pytest.fail), threading.Event()
    stuck = [crew.spawn(lambda: seen(gate), f"voicecli-{n}") for n in range(2)]
    crew.join(0.0)
    assert [record.args for record in caplog.records] == [("voicecli-0",), ("voicecli-1",)]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    gate.set()
    for thread in stuck:
        thread.join()


def test_one_may_be_left_to_its_owner(caplog):
    crew, gate = ThreadGroup(on_fault=pytest.fail), threading.Event()
    kept = crew.spawn(lambda: seen(gate), "voicecli-kept")
    crew.spawn(lambda: None, "voicecli-other")
    crew.join(PATIENCE_S, but=kept)
    assert kept.is_alive()
    assert not caplog.records
    gate.set()
    kept.join()
