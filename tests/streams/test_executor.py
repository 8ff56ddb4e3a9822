from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref

import pytest

from voicecli.streams import executor
from voicecli.streams.executor import PassBudget, pass_budget, shared_executor


def test_there_is_one_pool_of_a_few_threads():
    pool = shared_executor()
    assert shared_executor() is pool
    busy = threading.Barrier(2, timeout=10) if os.cpu_count() > 1 else None
    names = [
        pool.submit(lambda: (busy and busy.wait(), threading.current_thread().name)[1])
        for _ in range(2)
    ]
    assert all(name.result().startswith("voicecli-streams") for name in names)
    assert pool._max_workers <= executor.MAX_THREADS


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_makes_its_own():
    pool = shared_executor()
    pool.submit(int).result()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  the child's coverage is not collected
        fresh = shared_executor()
        works = fresh is not pool and fresh.submit(lambda: True).result(timeout=10)
        os.write(write, b"1" if works else b"0")
        os._exit(0)
    os.close(write)
    answer = os.read(read, 1)
    os.close(read)
    os.waitpid(child, 0)
    assert answer == b"1"
    assert shared_executor() is pool


def test_forgetting_makes_room_for_a_new_pool(monkeypatch):
    monkeypatch.setattr(executor, "_executor", shared_executor())
    monkeypatch.setattr(executor, "_lock", executor._lock)
    held = executor._lock
    with held:  # as it may be when the process forks
        executor._forget()
        assert executor._executor is None
        executor._lock.acquire(timeout=1)
        executor._lock.release()


def test_a_budget_is_renewed_with_the_next_pass():
    async def main():
        budget = PassBudget(asyncio.get_running_loop())
        assert budget.left_s > 0
        budget.spend(0.003)
        assert budget.left_s > 0
        budget.spend(0.003)
        assert budget.left_s <= 0
        await asyncio.sleep(0)
        assert budget.left_s > 0
        budget.spend(1)
        assert budget.left_s <= 0
        await asyncio.sleep(0)
        assert budget.left_s > 0

    asyncio.run(main())


def test_trifles_add_up_and_are_renewed_together():
    async def main():
        budget = PassBudget(asyncio.get_running_loop())
        passes = 0
        while not budget._renewing:
            budget.spend(0.0001)
            passes += 1
            await asyncio.sleep(0) if not budget._renewing else None
        assert passes > 3
        await asyncio.sleep(0)
        budget.spend(0.0035)
        assert budget.left_s > 0  # all of it was there again

    asyncio.run(main())


def test_streams_of_a_loop_share_a_budget_that_dies_with_it():
    async def main():
        loop = asyncio.get_running_loop()
        assert pass_budget(loop) is pass_budget(loop)
        return weakref.ref(pass_budget(loop))

    budget = asyncio.run(main())
    gc.collect()
    assert budget() is None


def test_a_budget_outlives_its_loop_harmlessly():
    loop = asyncio.new_event_loop()
    budget = PassBudget(loop)
    loop.close()
    del loop
    gc.collect()
    budget.spend(1)
    assert budget.left_s <= 0


def test_a_budget_of_a_loop_that_was_closed_is_spent_and_no_more():
    loop = asyncio.new_event_loop()
    budget = PassBudget(loop)
    loop.close()
    budget.spend(1)
    assert budget.left_s <= 0
