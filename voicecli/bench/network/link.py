"""A shaped link between this machine and all servers, for asyncio.

::

                 ┌─ Pipe ─┐   Lane (shared: one Shaper each way)
    send ───────►│ window ├──► up ───────► writer ─► server
    receive ◄────│ window │◄── down ◄───── reader ◄─ server
                 └────────┘
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from voicecli.bench.network.shaper import Shaper

if TYPE_CHECKING:
    from voicecli.bench.network.profiles import Network

CONNECT_S = 10.0
"""How long a server may take to accept a connection, not counting the link's own delay."""


class Lane:
    """One direction of the link; connections that send take turns, one chunk each."""

    def __init__(self, shaper: Shaper) -> None:
        self.shaper = shaper
        self._turn = asyncio.Lock()

    async def enter(self, size: int) -> float:
        """Put ``size`` bytes in once there is room; return when they come out."""
        async with self._turn:
            while True:
                now = _now()
                at = self.shaper.room_at(now, size)
                if at <= now:
                    return self.shaper.send(now, size)
                await asyncio.sleep(at - now)

    async def cross(self) -> None:
        """Wait as long as an empty packet takes to cross."""
        await _sleep_until(await self.enter(0))


class Pipe:
    """One direction of one connection: the bytes on their way.

    One task puts, another gets. Putting waits while the pipe holds `Shaper.window_bytes`,
    which it exceeds by less than a chunk.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._error: OSError | None = None
        self._not_empty = asyncio.Event()
        self._not_full = asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Send bytes; they are on their way when this returns."""
        step = self._lane.shaper.chunk_bytes
        for start in range(0, len(data), step):
            chunk = data[start : start + step]
            while self._held >= self._lane.shaper.window_bytes:
                self._not_full.clear()
                await self._not_full.wait()
            self._held += len(chunk)
            self._chunks.append((await self._lane.enter(len(chunk)), chunk))
            self._not_empty.set()

    async def end(self, error: OSError | None = None) -> None:
        """Send the end behind all bytes: a clean one, or an error."""
        self._error = error
        self._chunks.append((await self._lane.enter(0), b""))
        self._not_empty.set()

    async def get(self) -> bytes:
        """Wait for bytes and return all that have come out; ``b""`` at the end.

        Raises:
            OSError: the pipe ended with it.
        """
        while not self._chunks:
            self._not_empty.clear()
            await self._not_empty.wait()
        due_at = self._chunks[0][0]
        await _sleep_until(due_at)
        due_at = max(due_at, _now())
        out = bytearray()
        while self._chunks and self._chunks[0][0] <= due_at:
            if not self._chunks[0][1]:  # the end, which stays in place
                break
            out += self._chunks.popleft()[1]
        if not out and self._error is not None:
            raise self._error
        self._held -= len(out)
        self._not_full.set()
        return bytes(out)


class Connection:
    """A connection to a server over the link, made by `Link.connect`.

    What the server sends reaches `receive` as it was, delayed by the link: bytes, a clean
    end, or a reset.
    """

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._read_bytes = link.down.shaper.chunk_bytes
        self._up = Pipe(link.up)
        self._down = Pipe(link.down)
        self._tasks = [asyncio.create_task(work) for work in (self._carry_up(), self._carry_down())]

    async def send(self, data: bytes) -> None:
        """Send bytes to the server; wait while the link is full."""
        await self._up.put(data)

    async def end(self) -> None:
        """End the sending side of the connection."""
        await self._up.end()

    async def receive(self) -> bytes:
        """Wait for bytes from the server; ``b""`` at the end.

        Raises:
            OSError: the connection was reset.
        """
        return await self._down.get()

    def close(self) -> None:
        """Drop the connection and everything on its way; may be called repeatedly."""
        for task in self._tasks:
            task.cancel()
        self._writer.transport.abort()

    async def _carry_up(self) -> None:
        with contextlib.suppress(OSError):  # `receive` raises it too
            while data := await self._up.get():
                self._writer.write(data)
                await self._writer.drain()
            self._writer.write_eof()

    async def _carry_down(self) -> None:
        error = None
        try:
            while data := await self._reader.read(self._read_bytes):
                await self._down.put(data)
        except OSError as caught:
            error = caught
        await self._down.end(error)


class Link:
    """Both directions of a network. Make it inside the event loop whose clock it follows."""

    def __init__(self, network: Network, *, seed: int = 0) -> None:
        now = _now()
        self.up = Lane(Shaper(network, "up", seed=seed, starts_at_s=now))
        self.down = Lane(Shaper(network, "down", seed=seed, starts_at_s=now))

    async def connect(self, host: str, port: int) -> Connection:
        """Connect to a server; success and refusal both take a round trip of the link.

        Raises:
            OSError: there is no server; `TimeoutError` after `CONNECT_S`.
        """
        await self.up.cross()
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            await self.down.cross()
            raise
        connection = Connection(self, reader, writer)
        try:
            await self.down.cross()
        except BaseException:
            connection.close()
            raise
        return connection


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(at_s: float) -> None:
    await asyncio.sleep(at_s - _now())
