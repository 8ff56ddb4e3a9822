from __future__ import annotations

import asyncio

import pytest

from tests.streams.loops import virtual_time
from tests.streams.manual import settle
from voicecli.streams.backlog import Backlog
from voicecli.streams.doorbell import GATHER_S, Doorbell
from voicecli.streams.waiting import Waiters

MUCH = 100


class Door:
    """A backlog with a bell, somebody who adds to it and somebody who waits."""

    def __init__(self):
        self.backlog = Backlog()
        self.news = Waiters()
        self.bell = Doorbell(self.backlog, self.news)
        self.rung = 0

    def push(self, size):
        self.backlog.add(bytes(size))
        if self.backlog.size >= self.bell.rings_at:
            self.rung += 1
            self.bell.ring()

    def wait(self, much=MUCH):
        return asyncio.create_task(self.bell.wait(much))

    def take(self):
        size = self.backlog.size
        self.backlog.clear()
        return size

    async def flood(self):
        """Much, the first of it in the pass in which the wait for it began."""
        waiting = self.wait()
        await asyncio.sleep(0)
        self.push(1)
        await settle()
        assert not waiting.done()
        self.push(MUCH - 1)
        await waiting
        assert self.bell.wanted == MUCH
        assert self.take() == MUCH


@pytest.fixture
def by_clock():
    with virtual_time() as (clock, run):
        yield clock, run


def test_each_piece_after_a_lull_rings():
    async def main():
        door = Door()
        for count in (1, 2, 3):
            waiting = door.wait()
            await settle()
            door.push(1)
            assert door.rung == count
            door.push(1)
            assert door.rung == count  # nobody waits any more
            await waiting
            assert door.bell.wanted == 1
            door.take()

    asyncio.run(main())


def test_nobody_is_woken_who_does_not_wait():
    door = Door()
    door.push(1000)
    assert door.rung == 0


def test_in_a_flood_only_much_rings(by_clock):
    _, run = by_clock

    async def main():
        door = Door()
        await door.flood()
        assert door.rung == 1
        for _ in range(2):
            waiting = door.wait()
            await settle()
            for _ in range(MUCH - 1):
                door.push(1)
                await asyncio.sleep(0)
            assert not waiting.done()
            rung = door.rung
            door.push(1)
            assert door.rung == rung + 1
            await waiting
            assert door.take() == MUCH
            assert door.bell.wanted == MUCH

    run(main())


def test_a_flood_that_stops_is_over_in_a_millisecond(by_clock):
    clock, run = by_clock

    async def main():
        door = Door()
        await door.flood()
        began = clock.now()
        waiting = door.wait()
        await settle()
        door.push(MUCH - 1)
        await waiting
        assert clock.now() - began == pytest.approx(GATHER_S, abs=1e-4)
        assert door.bell.wanted == 1
        assert door.take() == MUCH - 1
        waiting = door.wait()
        await settle()
        door.push(1)
        await waiting
        assert clock.now() - began == pytest.approx(GATHER_S, abs=1e-4)

    run(main())


def test_one_timer_serves_a_flood(by_clock):
    _, run = by_clock

    async def main():
        door = Door()
        await door.flood()
        for _ in range(5):
            waiting = door.wait()
            await settle()
            door.push(MUCH)
            await waiting
            door.take()
        assert len(asyncio.get_running_loop()._scheduled) == 1

    run(main())


def test_other_news_ends_a_wait_and_a_flood(by_clock):
    _, run = by_clock

    async def main():
        door = Door()
        for much in (1, MUCH):
            waiting = door.wait(much)
            await settle()
            door.news.wake()
            await waiting
        waiting = door.wait()
        await asyncio.sleep(0)
        door.news.wake()  # in the very next pass, with nothing pushed
        await waiting
        assert door.bell.wanted == 1
        await door.flood()
        waiting = door.wait()
        await settle()
        door.news.wake()
        await waiting
        assert door.bell.wanted == 1

    run(main())


def test_what_is_not_worth_gathering_is_not():
    async def main():
        door = Door()
        waiting = door.wait(1)
        await asyncio.sleep(0)
        door.push(1)
        assert door.rung == 1
        await waiting
        assert door.bell.wanted == 1

    asyncio.run(main())


def test_what_came_at_once_and_is_much_is_not_waited_for(by_clock):
    clock, run = by_clock

    async def main():
        door = Door()
        began = clock.now()
        waiting = door.wait()
        await asyncio.sleep(0)
        door.push(MUCH)
        await waiting
        assert door.bell.wanted == MUCH
        waiting = door.wait(MUCH // 2)  # of which more waits already
        await waiting
        assert door.bell.wanted == MUCH // 2
        assert door.rung == 0
        assert clock.now() == began

    run(main())


def test_who_gave_up_is_not_rung_for_more_than_once():
    async def main():
        door = Door()
        waiting = door.wait()
        await settle()
        waiting.cancel()
        await settle()
        for _ in range(3):
            door.push(1)
        assert door.rung == 1
        assert door.take() == 3
        waiting = door.wait()
        await settle()
        door.push(1)
        await waiting

    asyncio.run(main())


def test_a_loop_that_ends_within_a_flood_takes_no_other_loop_with_it(by_clock):
    _, run = by_clock
    door = Door()

    async def leave():
        await door.flood()
        door.wait()
        await asyncio.sleep(0)

    async def come():
        door.push(1)
        assert door.backlog.size < door.bell.wanted
        await asyncio.wait_for(door.wait(), 10 * GATHER_S)
        assert door.bell.wanted == 1

    run(leave())
    run(come())


def test_where_nobody_waits_no_loop_is_needed_to_ring():
    door = Door()

    async def leave():
        waiting = door.wait(1)
        await settle()
        with pytest.raises(RuntimeError):
            await asyncio.to_thread(door.bell.ring)
        waiting.cancel()
        await settle()

    asyncio.run(leave())
    door.push(1)
    assert door.rung == 1


def test_who_gives_up_within_a_flood_finds_what_came_when_it_is_over(by_clock):
    _, run = by_clock

    async def main():
        door = Door()
        await door.flood()
        door.push(1)
        waiting = door.wait()
        await settle()
        waiting.cancel()
        assert door.bell.wanted == MUCH
        await asyncio.sleep(2 * GATHER_S)
        assert door.bell.wanted == door.take() == 1
        await door.flood()
        door.push(MUCH - 1)
        waiting = door.wait()
        await settle()
        waiting.cancel()
        door.push(1)
        await asyncio.sleep(2 * GATHER_S)
        assert door.bell.wanted == MUCH

    run(main())
