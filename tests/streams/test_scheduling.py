from __future__ import annotations

import asyncio
import os
import threading

import pytest

from voicecli.streams import scheduling
from voicecli.streams.scheduling import PASS_S, PassBudget, call_in, shared_executor


def test_the_process_has_one_pool():
    pool = shared_executor()
    assert shared_executor() is pool
    name = pool.submit(lambda: threading.current_thread().name).result()
    assert name.startswith("voicecli-streams")


@pytest.mark.parametrize(("processors", "threads"), [(None, 1), (1, 1), (2, 1), (3, 2), (64, 4)])
def test_the_pool_leaves_a_processor_to_the_loop(processors, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert scheduling._make_executor()._max_workers == threads


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_makes_its_own_pool():
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


def test_a_callback_for_a_closed_loop_is_dropped():
    loop = asyncio.new_event_loop()
    loop.close()
    call_in(loop, pytest.fail, "called")


def test_every_pass_of_a_loop_renews_the_budget():
    budget = PassBudget()

    async def main():
        for _ in range(2):
            budget.spend(PASS_S * 0.6)
            assert not budget.is_spent()
            budget.spend(PASS_S * 0.6)
            assert budget.is_spent()
            await asyncio.sleep(0)
            assert not budget.is_spent()

    asyncio.run(main())


def test_a_loop_closed_within_a_pass_leaves_the_next_a_full_budget():
    budget = PassBudget()

    async def spend():
        budget.spend(1)
        assert budget.is_spent()

    async def look():
        assert not budget.is_spent()
        budget.spend(PASS_S * 0.9)
        assert not budget.is_spent()

    asyncio.run(spend())
    asyncio.run(look())
