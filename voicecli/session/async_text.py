"""Text from an async iterable, for a thread that iterates it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from voicecli.session.channel import TEXT_CAPACITY, Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

_RETRY_S = 0.05


class AsyncText:
    """Iterates an async iterable on the running event loop; iterate it on any other thread.

    Make it on the loop. `close` may be called from any thread.

    Raises:
        RuntimeError: no event loop runs here.
    """

    def __init__(self, pieces: AsyncIterable[str | bytes]) -> None:
        self._pieces = pieces
        self._channel: Channel[str | bytes] = Channel(TEXT_CAPACITY)
        self._error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._read())
        self._task.add_done_callback(self._end)

    def __iter__(self) -> Iterator[str | bytes]:
        """Yield the pieces, waiting for each.

        Raises what the iterable raised, or RuntimeError if the loop ended before it.
        """
        while pieces := self._channel.take():
            yield from pieces
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop iterating."""
        self._channel.close()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _read(self) -> None:
        async for piece in self._pieces:
            while piece and not self._channel.offer(piece, len(piece)):
                if self._channel.is_over:
                    return
                await asyncio.sleep(_RETRY_S)

    def _end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._error = task.exception()
        elif not self._channel.is_over:  # not by `close`
            self._error = RuntimeError("the event loop ended before the text did")
        self._channel.end()
