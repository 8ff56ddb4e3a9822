"""A local HTTP proxy that simulates a network in front of any speech server.

The `Network` lies between the proxy and the server::

    client ──loopback──► ShapingProxy ══the link══► server

Connecting costs a round trip of the link. With https the client sees it in its TLS
handshake. With http, where the client is connected once it reaches the proxy, it is part
of the wait for the first byte. The sum is right in both cases.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

from anyio.from_thread import start_blocking_portal

from voicecli.bench.network.forward import ClientConnection
from voicecli.bench.network.link import Link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from voicecli.bench.network.profiles import Network

HOST = "127.0.0.1"


class ShapingProxy:
    """Serves on a free local port, on a thread of its own, while the ``with`` block runs.

    Accepts ``CONNECT`` for https and whole URLs for http, on any number of connections,
    which share the link. It uses no other proxy, and logs internal errors only.

    Args:
        network: what lies between the proxy and the servers.
        seed: of the link's stalls and jitter, which begin with the block.
    """

    def __init__(self, network: Network, *, seed: int = 0) -> None:
        self._network = network
        self._seed = seed
        self._connections: set[asyncio.Task[None]] = set()
        self._stack = ExitStack()
        self.url = ""
        """The proxy's URL, inside the block."""

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="shaping-proxy"))
            self.url = stack.enter_context(portal.wrap_async_context_manager(self._serving()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop all connections, and wait for the thread."""
        self._stack.close()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        link = Link(self._network, seed=self._seed)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                # At the end of the block; before 3.12, asyncio reports a cancelled task as a bug.
                with suppress(asyncio.CancelledError):
                    await ClientConnection(link, reader, writer).run()
            finally:
                self._connections.discard(task)

        server = await asyncio.start_server(accept, HOST, 0)
        try:
            yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        finally:
            # Not `wait_closed`: since Python 3.12.1 it also waits for the connections.
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
