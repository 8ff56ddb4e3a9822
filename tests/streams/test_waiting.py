from __future__ import annotations

import asyncio

import pytest

from tests.streams.manual import settle
from voicecli.streams.waiting import Waiters


def test_all_who_wait_are_woken_and_nobody_who_comes_later():
    async def main():
        waiters = Waiters()
        waiters.wake()  # is not remembered
        first = [asyncio.create_task(waiters.wait()) for _ in range(2)]
        await settle()
        assert len(waiters.waiting) == 2
        waiters.wake()
        waiters.wake()
        later = asyncio.create_task(waiters.wait())
        await settle()
        assert all(task.done() for task in first)
        assert not later.done()
        waiters.wake()
        await later
        assert waiters.waiting == []

    asyncio.run(main())


def test_whoever_gives_up_leaves_the_others_waiting():
    async def main():
        waiters = Waiters()
        leaving, staying = (asyncio.create_task(waiters.wait()) for _ in range(2))
        await settle()
        leaving.cancel()
        waiters.wake()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await staying
        assert waiters.waiting == []

    asyncio.run(main())
