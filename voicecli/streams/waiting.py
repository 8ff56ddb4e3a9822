"""Tasks that wait until somebody says that something has changed."""

from __future__ import annotations

import asyncio


class Waiters:
    """Tasks of one event loop, woken together; who waits later waits for the next time.

    An `asyncio.Event` remembers that it was set, which a stream's state does better,
    and takes twice as long to wait for. One loop's thread.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        """Who waits now; whoever has no time for a `wake` in vain may look first."""

    def wake(self) -> None:
        """Wake all that wait now."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Until `wake` is called the next time."""
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        try:
            await future
        finally:
            self.waiting.remove(future)
