from __future__ import annotations

import threading

import pytest

from voicecli.session.channel import Channel

PATIENCE_S = 20.0


class Worker:
    """Does one thing on a thread; `is_stuck` once it waits on the handoff's condition."""

    def __init__(self, handoff, work):
        self._handoff = handoff
        self._results = []
        self._waiting = threading.Event()
        condition = handoff._changed
        wait = condition.wait

        def watched(timeout=None):
            self._waiting.set()
            return wait(timeout)

        condition.wait = watched
        self._thread = threading.Thread(target=lambda: self._results.append(work()))
        self._thread.start()

    def is_stuck(self):
        return self._waiting.wait(PATIENCE_S)

    def result(self):
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "nobody woke it"
        return self._results[0]


def test_items_come_in_order_and_all_at_once():
    handoff = Channel(10)
    for item in "abc":
        assert handoff.put(item)
    assert handoff.take() == ["a", "b", "c"]


def test_take_waits_for_an_item():
    handoff = Channel(10)
    worker = Worker(handoff, handoff.take)
    assert worker.is_stuck()
    handoff.put("a")
    assert worker.result() == ["a"]


def test_put_waits_for_less_where_it_is_told_to():
    handoff = Channel(10)
    handoff.put("a", 3)
    worker = Worker(handoff, lambda: handoff.put("b", 3, capacity=5))
    assert worker.is_stuck()
    assert handoff.put("c", 3), "the others' capacity is as it was"
    assert handoff.take() == ["a", "c"]
    assert worker.result() is True


def test_put_waits_for_room():
    handoff = Channel(10)
    handoff.put("a", 8)
    worker = Worker(handoff, lambda: handoff.put("b", 3))
    assert worker.is_stuck()
    assert handoff.take() == ["a"]
    assert worker.result() is True
    assert handoff.take() == ["b"]


@pytest.mark.parametrize(("weight", "fits"), [(2, True), (3, False)])
def test_an_offer_is_taken_or_not_at_once(weight, fits):
    handoff = Channel(10)
    handoff.put("a", 8)
    assert handoff.offer("b", weight) is fits
    assert handoff.take() == (["a", "b"] if fits else ["a"])
    assert handoff.offer("c", 10), "taking made room"


def test_what_is_heavier_than_everything_passes_alone():
    handoff = Channel(10)
    assert handoff.put("whale", 99)
    assert not handoff.offer("minnow", 1)
    assert handoff.take() == ["whale"]
    assert handoff.offer("whale", 99)


def test_after_the_end_what_is_queued_is_still_taken():
    handoff = Channel(10)
    handoff.put("a")
    handoff.end()
    assert not handoff.put("b")
    assert not handoff.offer("b")
    assert handoff.take() == ["a"]
    assert handoff.take() == []
    assert handoff.take() == []


def test_closing_drops_what_is_queued():
    handoff = Channel(10)
    handoff.put("a")
    handoff.close()
    assert not handoff.put("b")
    assert not handoff.offer("b")
    assert handoff.take() == []
    handoff.close()
    handoff.end()
    assert handoff.take() == []


@pytest.mark.parametrize("over", ["end", "close"])
def test_being_over_wakes_who_waits_for_an_item(over):
    handoff = Channel(10)
    worker = Worker(handoff, handoff.take)
    assert worker.is_stuck()
    getattr(handoff, over)()
    assert worker.result() == []


@pytest.mark.parametrize(("over", "left"), [("end", ["a"]), ("close", [])])
def test_being_over_wakes_who_waits_for_room(over, left):
    handoff = Channel(10)
    handoff.put("a", 10)
    worker = Worker(handoff, lambda: handoff.put("b", 1))
    assert worker.is_stuck()
    getattr(handoff, over)()
    assert worker.result() is False
    assert handoff.take() == left


def test_two_threads_pass_everything_through_a_narrow_gap():
    handoff = Channel(3)
    sent = [bytes([n]) * (1 + n % 5) for n in range(200)]

    def produce():
        for item in sent:
            handoff.put(item, len(item))
        handoff.end()

    producer = threading.Thread(target=produce)
    producer.start()
    got = []
    while items := handoff.take():
        got += items
    producer.join()
    assert got == sent
