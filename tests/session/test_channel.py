from __future__ import annotations

import threading

import pytest

from voicecli.session.channel import Channel

TIMEOUT_S = 20.0


class Worker:
    """Does one thing on a thread; `is_stuck` once it waits on the channel's condition."""

    def __init__(self, channel, work):
        self._channel = channel
        self._results = []
        self._waiting = threading.Event()
        condition = channel._changed
        wait = condition.wait

        def watched(timeout=None):
            self._waiting.set()
            return wait(timeout)

        condition.wait = watched
        self._thread = threading.Thread(target=lambda: self._results.append(work()), daemon=True)
        self._thread.start()

    def is_stuck(self):
        return self._waiting.wait(TIMEOUT_S)

    def result(self):
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive(), "it was never notified"
        return self._results[0]


def test_items_come_in_order_and_all_at_once():
    channel = Channel(10)
    for item in "abc":
        assert channel.put(item)
    assert channel.take() == ["a", "b", "c"]


def test_take_waits_for_an_item():
    channel = Channel(10)
    worker = Worker(channel, channel.take)
    assert worker.is_stuck()
    channel.put("a")
    assert worker.result() == ["a"]


def test_put_waits_earlier_for_a_lower_capacity():
    channel = Channel(10)
    channel.put("a", 3)
    worker = Worker(channel, lambda: channel.put("b", 3, capacity=5))
    assert worker.is_stuck()
    assert channel.put("c", 3), "the capacity of others is unchanged"
    assert channel.take() == ["a", "c"]
    assert worker.result() is True


def test_put_waits_for_room():
    channel = Channel(10)
    channel.put("a", 8)
    worker = Worker(channel, lambda: channel.put("b", 3))
    assert worker.is_stuck()
    assert channel.take() == ["a"]
    assert worker.result() is True
    assert channel.take() == ["b"]


@pytest.mark.parametrize(("weight", "fits"), [(2, True), (3, False)])
def test_an_offer_returns_at_once(weight, fits):
    channel = Channel(10)
    channel.put("a", 8)
    assert channel.offer("b", weight) is fits
    assert channel.take() == (["a", "b"] if fits else ["a"])
    assert channel.offer("c", 8), "taking made room"
    assert channel.offer("d", 2), "for all that was taken"


def test_an_item_above_the_capacity_passes_alone():
    channel = Channel(10)
    assert channel.put("heavy", 99)
    assert not channel.offer("light", 1)
    assert channel.take() == ["heavy"]
    assert channel.offer("heavy", 99)


def test_after_the_end_queued_items_can_be_taken():
    channel = Channel(10)
    channel.put("a")
    channel.end()
    assert not channel.put("b")
    assert not channel.offer("b")
    assert channel.take() == ["a"]
    assert channel.take() == []
    assert channel.take() == []


def test_closing_drops_what_is_queued():
    channel = Channel(10)
    channel.put("a")
    channel.close()
    assert not channel.put("b")
    assert not channel.offer("b")
    assert channel.take() == []
    channel.close()
    channel.end()
    assert channel.take() == []


@pytest.mark.parametrize("how", ["end", "close"])
def test_the_end_wakes_a_waiting_take(how):
    channel = Channel(10)
    worker = Worker(channel, channel.take)
    assert worker.is_stuck()
    getattr(channel, how)()
    assert worker.result() == []


@pytest.mark.parametrize(("how", "left"), [("end", ["a"]), ("close", [])])
def test_the_end_wakes_a_waiting_put(how, left):
    channel = Channel(10)
    channel.put("a", 10)
    worker = Worker(channel, lambda: channel.put("b", 1))
    assert worker.is_stuck()
    getattr(channel, how)()
    assert worker.result() is False
    assert channel.take() == left


def test_everything_passes_through_a_small_capacity():
    channel = Channel(3)
    sent = [bytes([n]) * (1 + n % 5) for n in range(200)]

    def produce():
        for item in sent:
            channel.put(item, len(item))
        channel.end()

    producer = threading.Thread(target=produce)
    producer.start()
    got = []
    while items := channel.take():
        got += items
    producer.join()
    assert got == sent


def test_it_is_over_once_it_has_ended_and_everything_was_taken():
    channel = Channel(10)
    channel.put("a")
    assert not channel.is_over
    channel.end()
    assert not channel.is_over
    channel.take()
    assert channel.is_over


def test_it_is_over_once_it_is_closed():
    channel = Channel(10)
    channel.put("a")
    channel.close()
    assert channel.is_over
