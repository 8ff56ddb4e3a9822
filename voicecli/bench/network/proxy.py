"""A worse network in front of any speech server: an HTTP proxy on this machine that shapes.

Between the client and the proxy nothing is slowed; between the proxy and the
server lies the `Network`::

    client ──loopback──► ShapingProxy ══the link══► server

Connecting costs a round trip of the link. For https the client sees it as such,
as its TLS handshake goes over the link; for http, where a client is connected as
soon as it reaches the proxy, it is part of the wait for the first byte. The sum
is right in both cases.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from voicecli.bench.network.forward import ClientConnection
from voicecli.bench.network.link import Link
from voicecli.streams.device import daemon_thread

if TYPE_CHECKING:
    from types import TracebackType

    from voicecli.bench.network.profiles import Network
    from voicecli.threads import Joinable, Spawn

HOST = "127.0.0.1"


class ShapingProxy:
    """Serves while the ``with`` block runs, on a free port of this machine alone.

    Takes ``CONNECT`` for https and whole URLs for http, any number of connections
    at once, which share the link. It asks no further proxy, and logs defects only.

    Args:
        network: what lies between the proxy and the servers.
        seed: of the link's stalls and jitter, which begin with the block.
        spawn: starts the one thread that it runs on.
    """

    def __init__(self, network: Network, *, seed: int = 0, spawn: Spawn = daemon_thread) -> None:
        self.network = network
        self._seed = seed
        self._spawn = spawn
        self._thread: Joinable | None = None
        self._listening: Future[tuple[asyncio.AbstractEventLoop, int]] = Future()
        self._stop = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What a client is to be given as its proxy; known inside the block."""
        return f"http://{HOST}:{self._listening.result(0)[1]}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def __enter__(self) -> Self:
        self._thread = self._spawn(self._run, "shaping-proxy")
        self._listening.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Break what is still connected, and wait for the thread."""
        assert self._thread is not None
        loop, _ = self._listening.result()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as fault:
            if self._listening.done():
                raise
            self._listening.set_exception(fault)  # `__enter__` raises it

    async def _serve(self) -> None:
        link = Link(self.network, seed=self._seed)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(ClientConnection(link, reader, writer).run())
            self._connections.add(task)
            task.add_done_callback(self._ended)

        server = await asyncio.start_server(accept, HOST, 0)
        port: int = server.sockets[0].getsockname()[1]
        self._listening.set_result((asyncio.get_running_loop(), port))
        try:
            await self._stop.wait()
        finally:
            # Not `wait_closed`: from Python 3.12.1 on it waits for the connections, too.
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            told = {"message": "a connection of the shaping proxy failed", "exception": defect}
            task.get_loop().call_exception_handler(told)
