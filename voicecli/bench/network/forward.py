"""One client's connection to an HTTP forward proxy: forwarded requests, or a tunnel.

There are two kinds of requests to a proxy (RFC 9112, 3.2). For https the client sends
``CONNECT host:port`` and then speaks TLS with the server, so the proxy sees only how many
bytes pass. For http it puts the whole URL into the request line, which becomes the plain
path on the way to the server.

A failure of the server's connection becomes the same failure of the client's: a cut is a
cut and a reset a reset, never a clean end. End-to-end headers are forwarded unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING

import h11

from voicecli.bench.network.rewriting import (
    ProxyError,
    forwarded_request,
    forwarded_response,
    parse_target,
)
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from voicecli.bench.network.link import Connection, Link
    from voicecli.bench.network.rewriting import Target

LINGER_S = 2.0
"""How long to read from a client after ending our side of its connection."""

_READ_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 100 * 1024

_RESET = struct.pack("ii", 1, 0)


class ClientConnection:
    """A client's connection, and the one to a server behind it; `run` serves it to its end.

    Consecutive requests to the same server share a connection for as long as the server
    keeps it open.
    """

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._client_http = h11.Connection(h11.SERVER, _MAX_HEAD_BYTES)
        self._server_http = h11.Connection(h11.CLIENT, _MAX_HEAD_BYTES)
        self._server: Connection | None = None
        self._origin: tuple[str, int] | None = None

    async def run(self) -> None:
        """Serve requests until either side ends; failures of either side are not raised."""
        try:
            await self._serve()
            await self._hang_up()
        except h11.ProtocolError:  # either side ended early or does not speak HTTP
            await self._hang_up()
        except OSError:
            self._reset()
        finally:
            self._close_server()
            self._writer.transport.abort()

    async def _serve(self) -> None:
        while True:
            try:
                request = await self._receive()
                if not isinstance(request, h11.Request):
                    return
                target = parse_target(request)
                server = await self._connect(target)
            except h11.RemoteProtocolError as error:
                message = f"not an HTTP request: {clean(str(error), 200)}"
                await self._answer_error(error.error_status_hint, message)
                return
            except ProxyError as error:
                await self._answer_error(error.status, error.message)
                return
            if request.method == b"CONNECT":
                await self._tunnel(server)
                return
            await self._forward(server, request, target)
            if not _is_done(self._client_http):
                return
            self._client_http.start_next_cycle()

    # -- the client ------------------------------------------------------------

    async def _receive(self) -> h11.Event | None:
        return await _next_event(self._client_http, partial(self._reader.read, _READ_BYTES))

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._client_http.send(event) or b"")
        await self._writer.drain()

    async def _answer_error(self, status: int, message: str) -> None:
        """Answer on the proxy's own behalf, in the shape of the OpenAI API's errors."""
        body = json.dumps({"error": {"message": message}}).encode()
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        # Clients read nothing but the status line of an answer to CONNECT.
        reason = message.encode("ascii", errors="replace")
        await self._send(h11.Response(status_code=status, headers=headers, reason=reason))
        await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())

    async def _hang_up(self) -> None:
        """End our side, then let the client end its own.

        Closing while the client still sends would reset the connection, and the client
        would lose what it has not read yet (RFC 9112, 9.6).
        """
        self._close_server()
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
        """Connect to a server, or keep the present connection if it is the same one."""
        origin = target.host, target.port
        if (
            self._server is not None
            and self._server.is_open
            and _is_done(self._server_http)
            and origin == self._origin
        ):
            self._server_http.start_next_cycle()
            return self._server
        self._close_server()
        try:
            self._server = await self._link.connect(*origin)
        except OSError as error:
            address = f"{target.host}:{target.port}"
            raise ProxyError(502, f"no connection to {address}: {_reason(error)}") from None
        self._server_http = h11.Connection(h11.CLIENT, _MAX_HEAD_BYTES)
        self._origin = origin
        return self._server

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _forward(self, server: Connection, request: h11.Request, target: Target) -> None:
        """Forward one request and its response."""
        await server.send(self._server_http.send(forwarded_request(request, target)) or b"")
        with _ungrouped():
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._forward_body(server))
                await self._forward_response(server)
                sending.cancel()  # it still watches, or the server did not want the whole body

    async def _forward_body(self, server: Connection) -> None:
        """Forward the rest of the request, then watch the client.

        Raises:
            ConnectionAbortedError: the client hung up, so the response is not wanted.
        """
        while (event := await self._receive()) is not None:  # None: another request is waiting
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionAbortedError("the client hung up")
            if isinstance(event, h11.EndOfMessage):
                event = h11.EndOfMessage()
            await server.send(self._server_http.send(event) or b"")

    async def _forward_response(self, server: Connection) -> None:
        """Forward the response as it arrives.

        Raises:
            RemoteProtocolError: it ended early.
            OSError: either connection was reset.
        """
        while True:
            event = await _next_event(self._server_http, server.receive)
            assert event is not None, "h11 pauses a client only for another protocol"
            if isinstance(event, h11.EndOfMessage):
                await self._send(h11.EndOfMessage())
                return
            if isinstance(event, h11.Response | h11.InformationalResponse):
                event = forwarded_response(event)
            await self._send(event)

    async def _tunnel(self, server: Connection) -> None:
        """Pass bytes unread both ways until both sides have ended."""

        async def upstream() -> None:
            data, _ = self._client_http.trailing_data  # sent right behind the request
            while data or (data := await self._reader.read(_READ_BYTES)):
                await server.send(data)
                data = b""
            await server.end()

        async def downstream() -> None:
            while data := await server.receive():
                self._writer.write(data)
                await self._writer.drain()
            self._writer.write_eof()

        await self._send(h11.Response(status_code=200, headers=[], reason=b"Connected"))
        with _ungrouped():
            async with asyncio.TaskGroup() as group:
                group.create_task(upstream())
                group.create_task(downstream())


def _is_done(http: h11.Connection) -> bool:
    """Return whether the connection is ready for another request."""
    return http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}


async def _next_event(
    http: h11.Connection, read: Callable[[], Awaitable[bytes]]
) -> h11.Event | None:
    """Read until the next event is complete; None if the message before it is still open."""
    while (event := http.next_event()) is not h11.PAUSED:
        if isinstance(event, h11.Event):
            return event
        http.receive_data(await read())
    return None


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
