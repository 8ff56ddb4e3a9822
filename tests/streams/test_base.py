from __future__ import annotations

import asyncio

import pytest

from tests.streams.manual import settle
from voicecli.streams.base import Stage, State


class Letters(Stage[str]):
    """Gives what it is told to have made."""

    def __init__(self, made=""):
        super().__init__()
        self._made.extend(made)
        self.waiting = ["input"]

    def _drop(self):
        self.waiting.clear()

    async def __anext__(self):
        while not self._made:
            if self._state is not State.OPEN:
                self._raise_end()
            await self._news.wait()
        return self._made.popleft()


def test_a_fault_comes_after_what_was_made_and_once():
    async def main():
        letters = Letters("ab")
        letters._break(ZeroDivisionError())
        assert letters.waiting == []
        assert [await anext(letters), await anext(letters)] == ["a", "b"]
        with pytest.raises(ZeroDivisionError):
            await anext(letters)
        assert [letter async for letter in letters] == []

    asyncio.run(main())


def test_closing_drops_everything_the_fault_too():
    async def main():
        async with Letters("ab") as letters:
            letters._break(ZeroDivisionError())
        assert [letter async for letter in letters] == []

    asyncio.run(main())


def test_a_stream_whose_loop_is_gone_is_closed_on_another_without_waiting():
    letters = Letters("ab")

    async def leave():
        letters._is_away, letters._home = True, asyncio.get_running_loop()

    asyncio.run(leave())
    asyncio.run(asyncio.wait_for(letters.aclose(), 10))
    assert not letters._made


def test_closing_drops_the_input():
    letters = Letters()
    asyncio.run(letters.aclose())
    assert letters.waiting == []


def test_a_new_state_wakes_who_waits():
    async def main():
        letters = Letters()
        consumer = asyncio.create_task(anext(letters, "ended"))
        await settle()
        assert not consumer.done()
        letters._turn_to(State.FINISHED)
        assert await consumer == "ended"

    asyncio.run(main())


def test_closing_waits_for_a_task_that_is_away():
    async def main():
        letters = Letters()
        letters._is_away = True
        closing = asyncio.create_task(letters.aclose())
        await settle()
        letters._news.wake()
        await settle()
        assert not closing.done()
        letters._is_away = False
        letters._news.wake()
        await closing

    asyncio.run(main())
