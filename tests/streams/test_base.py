from __future__ import annotations

import asyncio

import pytest

from tests.streams.manual import settle
from voicecli.streams.base import CodecStream, State, Waiters


class LetterStream(CodecStream[str]):
    """Yields the letters it was made with."""

    def __init__(self, made=""):
        super().__init__()
        self._made.extend(made)
        self.input = ["input"]

    def _drop(self):
        self.input.clear()

    async def __anext__(self):
        while not self._made:
            if self._state is not State.OPEN:
                self._raise_end()
            await self._news.wait()
        return self._made.popleft()


def test_a_fault_comes_after_the_output_and_once():
    async def main():
        letters = LetterStream("ab")
        letters._break(ZeroDivisionError())
        assert letters.input == []
        assert [await anext(letters), await anext(letters)] == ["a", "b"]
        with pytest.raises(ZeroDivisionError):
            await anext(letters)
        assert [letter async for letter in letters] == []

    asyncio.run(main())


def test_closing_drops_input_output_and_fault():
    async def main():
        async with LetterStream("ab") as letters:
            letters._break(ZeroDivisionError())
        assert [letter async for letter in letters] == []
        assert letters.input == []

    asyncio.run(main())


def test_every_waiting_task_is_woken_and_none_that_waits_later():
    async def main():
        waiters = Waiters()
        waiters.wake()  # not remembered
        first = [asyncio.create_task(waiters.wait()) for _ in range(2)]
        await settle()
        waiters.wake()
        waiters.wake()
        later = asyncio.create_task(waiters.wait())
        await settle()
        assert all(task.done() for task in first)
        assert not later.done()
        waiters.wake()
        await later
        assert not waiters

    asyncio.run(main())


def test_a_task_that_gives_up_leaves_the_others_waiting():
    async def main():
        waiters = Waiters()
        leaving, staying = (asyncio.create_task(waiters.wait()) for _ in range(2))
        await settle()
        leaving.cancel()
        waiters.wake()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await staying
        assert not waiters

    asyncio.run(main())
