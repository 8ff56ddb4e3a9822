"""One client's connection to an HTTP forward proxy: rewritten requests, or a tunnel.

There are two kinds of requests to a proxy (RFC 9112, 3.2). For https the client sends
``CONNECT host:port`` and then speaks TLS with the server, so the proxy sees only how many
bytes pass. For http it puts the whole URL into the request line, which becomes the plain
path on the way to the server.

This proxy stands for a stretch of network, so it changes nothing else. What a server
sends reaches the client unread, and a failure of the server's connection becomes the
same failure of the client's: a cut is a cut and a reset a reset, never a clean end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from typing import TYPE_CHECKING

import h11

from voicecli.bench.network.rewriting import ProxyError, forwarded_request, parse_target
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.bench.network.link import Connection, Link
    from voicecli.bench.network.rewriting import Target

LINGER_S = 2.0
"""How long to read from a client after ending our side of its connection."""

_READ_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 100 * 1024

_RESET = struct.pack("ii", 1, 0)


class ClientConnection:
    """A client's connection, and the one to a server behind it; `run` serves it to its end.

    Consecutive requests to the same server share a connection to it.
    """

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, _MAX_HEAD_BYTES)  # the state of one request

    async def run(self) -> None:
        """Serve requests until either side ends; failures of either side are not raised."""
        try:
            await self._serve()
            await self._hang_up()
        except h11.ProtocolError:  # a request's body ended early
            await self._hang_up()
        except OSError:
            self._reset()
        finally:
            self._writer.transport.abort()

    async def _serve(self) -> None:
        try:
            request = await self._next_request()
            while request is not None:
                target = parse_target(request)
                with contextlib.closing(await self._connect(target)) as server:
                    if request.method == b"CONNECT":
                        await self._tunnel(server)
                        return
                    request = await self._forward(server, request, target)
        except ProxyError as error:
            self._answer_error(error.status, error.message)

    # -- the client ------------------------------------------------------------

    async def _next_request(self) -> h11.Request | None:
        """Return the head of the next request; None if the client hung up.

        Raises:
            ProxyError: it is not HTTP.
        """
        try:
            event = await self._next_event()
        except h11.RemoteProtocolError as error:
            message = f"not an HTTP request: {clean(str(error), 200)}"
            raise ProxyError(error.error_status_hint, message) from None
        return event if isinstance(event, h11.Request) else None

    async def _next_event(self) -> h11.Event:
        while not isinstance(event := self._http.next_event(), h11.Event):
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        return event

    def _write(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")

    def _answer_error(self, status: int, message: str) -> None:
        """Answer on the proxy's own behalf, in the shape of the OpenAI API's errors."""
        body = json.dumps({"error": {"message": message}}).encode()
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        # Clients read nothing but the status line of an answer to CONNECT.
        reason = message.encode("ascii", errors="replace")
        self._write(h11.Response(status_code=status, headers=headers, reason=reason))
        self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())

    async def _hang_up(self) -> None:
        """End our side, then let the client end its own.

        Closing while the client still sends would reset the connection, and the client
        would lose what it has not read yet (RFC 9112, 9.6).
        """
        with contextlib.suppress(OSError):
            async with asyncio.timeout(LINGER_S):
                self._writer.write_eof()
                while await self._reader.read(_READ_BYTES):
                    pass

    def _reset(self) -> None:
        """Close with an RST instead of a FIN: lingering for 0 s drops unsent bytes."""
        client: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    # -- the server ------------------------------------------------------------

    async def _connect(self, target: Target) -> Connection:
        try:
            return await self._link.connect(target.host, target.port)
        except OSError as error:
            address = f"{target.host}:{target.port}"
            raise ProxyError(502, f"no connection to {address}: {_reason(error)}") from None

    async def _forward(
        self, server: Connection, request: h11.Request, target: Target
    ) -> h11.Request | None:
        """Forward requests and what the server sends until either side ends.

        Returns a request that is for another server, if it ends with one.
        """
        with _ungrouped():
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._forward_requests(server, request, target))
                receiving = group.create_task(self._downstream(server))
                sending.add_done_callback(lambda _: receiving.cancel())
                receiving.add_done_callback(lambda _: sending.cancel())
        return None if sending.cancelled() else sending.result()

    async def _forward_requests(
        self, server: Connection, request: h11.Request, target: Target
    ) -> h11.Request | None:
        origin = (target.host, target.port)
        while (target.host, target.port) == origin and request.method != b"CONNECT":
            await self._forward_request(server, forwarded_request(request, target))
            following = await self._next_request()
            if following is None:
                return None
            request, target = following, parse_target(following)
        return request

    async def _forward_request(self, server: Connection, request: h11.Request) -> None:
        """Send one request as it arrives, and get ready for the next."""
        http = h11.Connection(h11.CLIENT)
        await server.send(http.send(request) or b"")
        while isinstance(event := await self._next_event(), h11.Data):
            await server.send(http.send(event) or b"")
        await server.send(http.send(h11.EndOfMessage()) or b"")
        data, _ = self._http.trailing_data  # the beginning of the next request
        self._http = h11.Connection(h11.SERVER, _MAX_HEAD_BYTES)
        if data:
            self._http.receive_data(data)

    async def _downstream(self, server: Connection) -> None:
        while data := await server.receive():
            self._writer.write(data)
            await self._writer.drain()

    async def _tunnel(self, server: Connection) -> None:
        """Pass bytes unread both ways until both sides have ended."""

        async def upstream() -> None:
            data, _ = self._http.trailing_data  # sent right behind the request
            while data or (data := await self._reader.read(_READ_BYTES)):
                await server.send(data)
                data = b""
            await server.end()

        async def downstream() -> None:
            await self._downstream(server)
            self._writer.write_eof()

        self._write(h11.Response(status_code=200, headers=[], reason=b"Connected"))
        with _ungrouped():
            async with asyncio.TaskGroup() as group:
                group.create_task(upstream())
                group.create_task(downstream())


@contextlib.contextmanager
def _ungrouped() -> Iterator[None]:
    """Raise the first error of a task group instead of the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _reason(error: OSError) -> str:
    """Say why there is no connection, in the system's words."""
    if isinstance(error, TimeoutError):
        return "it was not accepted in time"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own message repeats the address
    return clean(error.strerror or str(error), 200)
