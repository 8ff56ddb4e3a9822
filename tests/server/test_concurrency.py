from __future__ import annotations

import anyio
import pytest

from tests.server.asgi_client import run
from voicecli.server.concurrency import ConcurrencyLimit
from voicecli.server.errors import ApiError


def test_no_more_requests_are_open_than_slots_and_queue():
    limit = ConcurrencyLimit(1, 1, 1.0)
    with limit.admit(), limit.admit():
        assert limit.open == 2
        with pytest.raises(ApiError) as caught, limit.admit():
            pass
    assert limit.open == 0
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    assert caught.value.headers == {"Retry-After": "1"}


async def hold(limit, entered, release):
    """Occupy a slot until ``release`` is set."""

    def work():
        anyio.from_thread.run_sync(entered.set)
        anyio.from_thread.run(release.wait)

    await limit.run(work, due_at=0.0)


async def run_all(limit, due_times):
    """The order in which functions run that were waiting for the only slot."""
    order, entered, release = [], anyio.Event(), anyio.Event()

    async def one(due_at):
        await limit.run(lambda: order.append(due_at), due_at=due_at)

    async with anyio.create_task_group() as group:
        group.start_soon(hold, limit, entered, release)
        await entered.wait()
        for due_at in due_times:
            group.start_soon(one, due_at)
            await anyio.wait_all_tasks_blocked()
        assert order == []
        release.set()
    return order


def test_the_most_urgent_comes_first():
    assert run(run_all, ConcurrencyLimit(1, 9, 1.0), [3.0, 1.0, 2.0]) == [1.0, 2.0, 3.0]


def test_equally_urgent_ones_come_in_order():
    first, second = 1.0, 1
    order = run(run_all, ConcurrencyLimit(1, 9, 1.0), [first, second])
    assert [type(due_at) for due_at in order] == [float, int]


def test_the_wait_for_the_first_slot_is_limited():
    limit = ConcurrencyLimit(1, 9, 0.0)

    async def main():
        entered, release = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, limit, entered, release)
            await entered.wait()
            with pytest.raises(ApiError, match="busy"):
                await limit.run(int, due_at=0.0, is_first=True)
            release.set()
        assert await limit.run(int, due_at=0.0, is_first=True) == 0

    run(main)


def test_one_that_is_cancelled_while_it_waits_takes_no_slot():
    limit = ConcurrencyLimit(1, 9, 1.0)

    async def main():
        entered, release = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, limit, entered, release)
            await entered.wait()
            with anyio.move_on_after(0):
                await limit.run(int, due_at=0.0)
            release.set()
        assert await limit.run(int, due_at=0.0) == 0

    run(main)


def test_one_that_is_cancelled_when_it_gets_its_slot_passes_it_on():
    limit = ConcurrencyLimit(1, 9, 1.0)

    async def main():
        await limit._acquire(0.0)
        scope = anyio.CancelScope()

        async def cancelled():
            with scope:
                await limit.run(int, due_at=0.0)

        async with anyio.create_task_group() as group:
            group.start_soon(cancelled)
            await anyio.wait_all_tasks_blocked()
            limit._release()
            scope.cancel()
        assert await limit.run(int, due_at=0.0) == 0

    run(main)


def test_an_exception_frees_the_slot():
    limit = ConcurrencyLimit(1, 9, 1.0)

    async def main():
        with pytest.raises(ZeroDivisionError):
            await limit.run(lambda: 1 / 0, due_at=0.0)
        assert await limit.run(int, due_at=0.0) == 0

    run(main)
