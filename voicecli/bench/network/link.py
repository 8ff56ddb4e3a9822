"""A link between this machine and everywhere else, for asyncio: connections that are shaped.

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
    from voicecli.bench.network.shaper import Passing

CONNECT_S = 10.0
"""How long a server may take to accept a connection, the link's own time apart."""


class Lane:
    """One direction of the link; connections that want to send take turns, a piece each."""

    def __init__(self, shaper: Shaper) -> None:
        self.shaper = shaper
        self._turn = asyncio.Lock()

    async def enter(self, size: int) -> list[Passing]:
        """Put ``size`` bytes in once there is room; when which of them come out."""
        async with self._turn:
            while True:
                now = _now()
                at = self.shaper.room_at(now, size)
                if at <= now:
                    return self.shaper.send(now, size)
                await asyncio.sleep(at - now)

    async def cross(self) -> None:
        """Wait for as long as an empty packet is on its way."""
        (packet,) = await self.enter(0)
        await _sleep_until(packet.at_s)


class Pipe:
    """One direction of one connection: what was put in and has not come out yet.

    One task puts, another gets. It holds `Shaper.window_bytes` at most, a piece
    more or less; who puts more waits.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._fault: OSError | None = None
        self._some = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Send bytes on their way, which begins when this returns."""
        step = self._lane.shaper.piece_bytes
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            while self._held >= self._lane.shaper.window_bytes:
                self._room.clear()
                await self._room.wait()
            self._held += len(piece)
            for passing in await self._lane.enter(len(piece)):
                self._pieces.append((passing.at_s, piece[: passing.size]))
                piece = piece[passing.size :]
            self._some.set()

    async def end(self, fault: OSError | None = None) -> None:
        """Send the end on its way, behind what was put: a clean one, or a fault."""
        self._fault = fault
        for passing in await self._lane.enter(0):
            self._pieces.append((passing.at_s, b""))
        self._some.set()

    async def get(self) -> bytes:
        """All that has come out by now, waiting for the first of it; ``b""`` at the end.

        Raises:
            OSError: the fault that it ended with.
        """
        while not self._pieces:
            self._some.clear()
            await self._some.wait()
        due_at = self._pieces[0][0]
        await _sleep_until(due_at)
        due_at = max(due_at, _now())
        out = bytearray()
        while self._pieces and self._pieces[0][0] <= due_at:
            piece = self._pieces[0][1]
            if not piece:  # the end, which stays the end
                break
            out += self._pieces.popleft()[1]
        if not out and self._fault is not None:
            raise self._fault
        self._held -= len(out)
        self._room.set()
        return bytes(out)


class Connection:
    """A connection to a server over the link; `Link.connect` makes it.

    What the server does reaches `receive` as it was, and when the link lets it:
    bytes, a clean end, or a reset.
    """

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._read_bytes = link.down.shaper.piece_bytes
        self._is_open = True
        self._up = Pipe(link.up)
        self._down = Pipe(link.down)
        self._tasks = [asyncio.create_task(work) for work in (self._carry_up(), self._carry_down())]

    @property
    def is_open(self) -> bool:
        """Whether the server may still send."""
        return self._is_open

    async def send(self, data: bytes) -> None:
        """Send bytes to the server; waits while the link holds as many as it can."""
        await self._up.put(data)

    async def end(self) -> None:
        """Tell the server that nothing more will be sent."""
        await self._up.end()

    async def receive(self) -> bytes:
        """What the server sent, as it arrives; ``b""`` once it has ended.

        Raises:
            OSError: the connection was reset.
        """
        return await self._down.get()

    def close(self) -> None:
        """Drop the connection and what is on its way; at once, and any number of times."""
        for task in self._tasks:
            task.cancel()
        self._writer.transport.abort()

    async def _carry_up(self) -> None:
        with contextlib.suppress(OSError):  # whoever reads is told the same
            while data := await self._up.get():
                self._writer.write(data)
                await self._writer.drain()
            self._writer.write_eof()

    async def _carry_down(self) -> None:
        fault = None
        try:
            while data := await self._reader.read(self._read_bytes):
                await self._down.put(data)
        except OSError as error:
            fault = error
        self._is_open = False
        await self._down.end(fault)


class Link:
    """Both directions of a network; made inside a running event loop, by whose clock it runs."""

    def __init__(self, network: Network, *, seed: int = 0) -> None:
        now = _now()
        self.up = Lane(Shaper(network, "up", seed=seed, starts_at_s=now))
        self.down = Lane(Shaper(network, "down", seed=seed, starts_at_s=now))

    async def connect(self, host: str, port: int) -> Connection:
        """Connect to a server, which takes a round trip of the link, and so does a refusal.

        Raises:
            OSError: nobody is there; `TimeoutError` after `CONNECT_S`.
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
