"""An HTTP forward proxy's side of one connection: requests passed on, or a tunnel.

A client asks a proxy in one of two ways (RFC 9112, 3.2). For https it says
``CONNECT host:port`` and then speaks TLS with the server itself, so that the
proxy sees how much is said and not what. For http it puts the whole URL into
the request line, which becomes the plain path on the way to the server.

What breaks on the far side breaks on the near side in the same way: a cut is a
cut and a reset a reset, never a clean end. Headers are passed on unread, but for
those that concern the connection itself.
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

from voicecli.bench.network.onward import Refusal, onward_request, onward_response, target_of
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from voicecli.bench.network.link import Connection, Link
    from voicecli.bench.network.onward import Target

LINGER_S = 2.0
"""How long a client is listened to after its connection's end was told."""

_READ_BYTES = 64 * 1024
_MOST_HEAD_BYTES = 100 * 1024

_RESET = struct.pack("ii", 1, 0)


class ClientConnection:
    """A client's connection, with one to a server behind it; `run` serves it to its end.

    Requests that come one after another use the same connection to the server
    for as long as the server keeps it and it is the same server.
    """

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._near = h11.Connection(h11.SERVER, _MOST_HEAD_BYTES)
        self._far = h11.Connection(h11.CLIENT, _MOST_HEAD_BYTES)
        self._server: Connection | None = None
        self._origin: tuple[str, int] | None = None

    async def run(self) -> None:
        """Serve requests until either side has ended; faults of either are no faults of ours."""
        try:
            await self._serve()
            await self._hang_up()
        except h11.ProtocolError:  # it ended early, or spoke no HTTP: so this side ends too
            await self._hang_up()
        except OSError:
            self._reset()
        finally:
            self._leave_server()
            self._writer.transport.abort()

    async def _serve(self) -> None:
        while (request := await self._next_request()) is not None:
            try:
                target = target_of(request)
                server = await self._server_for(target)
            except Refusal as refusal:
                await self._refuse(refusal)
                return
            if request.method == b"CONNECT":
                await self._tunnel(server)
                return
            await self._exchange(server, request, target)
            if self._near.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                return
            self._near.start_next_cycle()

    # -- the client ------------------------------------------------------------

    async def _next_request(self) -> h11.Request | None:
        try:
            event = await self._asked()
        except h11.RemoteProtocolError as error:
            said = clean(str(error), 200)
            await self._refuse(Refusal(error.error_status_hint, f"no HTTP request: {said}"))
            return None
        return event if isinstance(event, h11.Request) else None

    async def _asked(self) -> h11.Event | None:
        return await _next_event(self._near, partial(self._reader.read, _READ_BYTES))

    async def _tell(self, event: h11.Event) -> None:
        self._writer.write(self._near.send(event) or b"")
        await self._writer.drain()

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer for the proxy itself, in the shape of the OpenAI API's errors."""
        body = json.dumps({"error": {"message": refusal.message}}).encode()
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        # Of an answer to CONNECT, clients look at the status line only.
        reason = refusal.message.encode("ascii", errors="replace")
        await self._tell(h11.Response(status_code=refusal.status, headers=headers, reason=reason))
        await self._tell(h11.Data(data=body))
        await self._tell(h11.EndOfMessage())

    async def _hang_up(self) -> None:
        """End our side, then let the client end its own.

        Closing while it still sends would reset the connection and with it what
        the client has not read yet (RFC 9112, 9.6).
        """
        self._leave_server()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(LINGER_S):
                self._writer.write_eof()
                while await self._reader.read(_READ_BYTES):
                    pass

    def _reset(self) -> None:
        """Close with an RST instead of a FIN: lingering for no time drops what is unsent."""
        near: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    # -- the server ------------------------------------------------------------

    async def _server_for(self, target: Target) -> Connection:
        origin = target.host, target.port
        is_kept = self._far.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
        if self._server is not None and self._server.is_open and is_kept and origin == self._origin:
            self._far.start_next_cycle()
            return self._server
        self._leave_server()
        try:
            self._server = await self._link.connect(*origin)
        except OSError as error:
            where = f"{target.host}:{target.port}"
            raise Refusal(502, f"no connection to {where}: {_reason(error)}") from None
        self._far = h11.Connection(h11.CLIENT, _MOST_HEAD_BYTES)
        self._origin = origin
        return self._server

    def _leave_server(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _exchange(self, server: Connection, request: h11.Request, target: Target) -> None:
        """Pass one request on and its answer back."""
        await server.send(self._far.send(onward_request(request, target)) or b"")
        with _single_fault():
            async with asyncio.TaskGroup() as both:
                asking = both.create_task(self._ask(server))
                await self._answer(server)
                asking.cancel()  # by now it watches, unless the server has not heard it out

    async def _ask(self, server: Connection) -> None:
        """Pass the request's body on, then watch.

        Raises:
            ConnectionAbortedError: the client hung up, so nobody wants the answer.
        """
        while (event := await self._asked()) is not None:  # it is, once a further request waits
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionAbortedError("the client hung up")
            if isinstance(event, h11.EndOfMessage):
                event = h11.EndOfMessage()
            await server.send(self._far.send(event) or b"")

    async def _answer(self, server: Connection) -> None:
        """Pass the answer back as it comes.

        Raises:
            RemoteProtocolError: it ended early.
            OSError: the connection was reset, or the client's was.
        """
        while True:
            event = await _next_event(self._far, server.receive)
            assert event is not None, "nobody asked for another protocol"
            if isinstance(event, h11.EndOfMessage):
                await self._tell(h11.EndOfMessage())
                return
            if isinstance(event, h11.Response | h11.InformationalResponse):
                event = onward_response(event)
            await self._tell(event)

    async def _tunnel(self, server: Connection) -> None:
        """Pass bytes both ways, unread, until both sides have ended."""

        async def onward() -> None:
            data, _ = self._near.trailing_data  # what came right behind the request
            while data or (data := await self._reader.read(_READ_BYTES)):
                await server.send(data)
                data = b""
            await server.end()

        async def back() -> None:
            while data := await server.receive():
                self._writer.write(data)
                await self._writer.drain()
            self._writer.write_eof()

        await self._tell(h11.Response(status_code=200, headers=[], reason=b"Connected"))
        with _single_fault():
            async with asyncio.TaskGroup() as both:
                both.create_task(onward())
                both.create_task(back())


async def _next_event(
    http: h11.Connection, read: Callable[[], Awaitable[bytes]]
) -> h11.Event | None:
    """The next event, reading until it is whole; None while the one before is not dealt with."""
    while (event := http.next_event()) is not h11.PAUSED:
        if isinstance(event, h11.Event):
            return event
        http.receive_data(await read())
    return None


@contextlib.contextmanager
def _single_fault() -> Iterator[None]:
    """What a group of tasks failed with, as it was raised."""
    try:
        yield
    except BaseExceptionGroup as faults:
        raise faults.exceptions[0] from None


def _reason(error: OSError) -> str:
    """Why there is no connection, in the system's words."""
    if isinstance(error, TimeoutError):
        return "it was not accepted in time"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own words hold the address once more
    return clean(error.strerror or str(error), 200)
