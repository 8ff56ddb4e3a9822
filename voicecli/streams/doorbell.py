"""When a consumer is woken for what its producer pushed: for each piece, or for many together.

To wake a task and to begin a turn of decoding takes ten times as long as to queue
a piece. At the pace of speech that is nothing, and each piece is decoded as soon
as it is there. But a producer may push in each pass of the loop, as who reads a
file does: then pieces gather, until they are as much as is worth a turn, and for
a millisecond at most. So push stays as short as an append, and the loop is woken
for kibibytes, not for pieces.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.streams.backlog import Backlog
    from voicecli.streams.waiting import Waiters

GATHER_S = 0.001
"""The longest that bytes wait for others, where those stop coming."""

_NEVER = 1 << 62


class Doorbell:
    """Between a `Backlog` that is added to and the one task that takes from it.

    Whoever adds calls `ring` where the backlog's size reaches ``rings_at``. One event
    loop's thread.

    Args:
        backlog: what the consumer waits for.
        news: who waits for something to look at, woken by whoever knows of it.
    """

    __slots__ = ("_backlog", "_news", "_tick", "_ticks_on", "rings_at", "wanted")

    def __init__(self, backlog: Backlog, news: Waiters) -> None:
        self._backlog = backlog
        self._news = news
        self._tick: asyncio.TimerHandle | None = None
        self._ticks_on: asyncio.AbstractEventLoop | None = None
        self.rings_at = _NEVER
        """Bytes at which to ring; beyond reach while nobody waits for bytes."""
        self.wanted = 1
        """Bytes for which it is worth looking: 1, or many in a flood."""

    def ring(self) -> None:
        """Wake who waits, however little there is.

        Raises:
            RuntimeError: no loop runs on this thread, so who waits is on another and is
                not woken.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._news.waiting:
                raise
        self.rings_at = _NEVER
        self._news.wake()

    async def wait(self, much: int) -> None:
        """Until ``wanted`` bytes wait, or there is other news, or a flood is over.

        ``much`` is how many bytes are worth gathering, 1 if none are.
        """
        if self.wanted > 1:
            if self._gather(much):
                return
        elif much > 1:
            asyncio.get_running_loop().call_soon(self._look, much)
        else:
            self.rings_at = 1
        await self._news.wait()
        self.rings_at = _NEVER
        if self._backlog.size < self.wanted:
            self.wanted = 1

    def _look(self, much: int) -> None:
        """See whether bytes came in the very pass in which the wait for them began."""
        if not self._backlog.size:
            self.rings_at = 1
        elif self._gather(much):
            self._news.wake()

    def _gather(self, much: int) -> bool:
        """Ask for ``much`` bytes; whether they are there already."""
        self.rings_at = self.wanted = much
        if self._backlog.size >= much:
            return True
        # One timer serves a whole flood, so some waits are shorter; setting one for each
        # would cost more than it bounds.
        loop = asyncio.get_running_loop()
        if self._tick is None or self._ticks_on is not loop:  # one that was closed ticks no more
            self._ticks_on = loop
            self._tick = loop.call_at(loop.time() + GATHER_S, self._end_of_wait)
        return False

    def _end_of_wait(self) -> None:
        self._tick = None
        if self._backlog.size < self.wanted:
            self.wanted = 1  # also for who gave up waiting, and looks again
        self.ring()
