"""Serve HTTP/1.1 with uvicorn and h11, and add error bodies, a header timeout and resets.

uvicorn waits forever for the first request of a connection, and for the rest of a
request's header. A few hundred silent clients would exhaust the file descriptors.

HTTP/1.0, which nginx speaks by default, has no chunked coding: the end of the
connection is the end of the response. Only a reset shows that a response is incomplete.

A client may close its half of the connection after its request (RFC 9112, 9.6), as netcat
does, and still gets its response. One that has left looks the same until it is written to.
"""

from __future__ import annotations

import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from voicecli.server.errors import ApiError

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

    from starlette.types import ASGIApp, Receive, Scope, Send

HEADER_TIMEOUT_S = 15.0
"""Time from connecting, or from the previous response, to the end of a request's header."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""``struct linger`` with a timeout of zero."""


class Protocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._header_timer: TimerHandle | None = None
        self._is_half_closed = False
        self.app = partial(self._run, self.app)

    async def _run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            is_incomplete = self.cycle.response_started and not self.cycle.response_complete
            if is_incomplete and scope["http_version"] == "1.0":
                connection = self.transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timeout of the first request."""
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        """Stop the timeout once a header is complete; the body has its own."""
        super().data_received(data)
        self._update_timer()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether to keep the connection: as long as a response is owed."""
        cycle = self.cycle
        is_owed = cycle is not None and not (cycle.response_complete or cycle.more_body)
        self._is_half_closed = is_owed
        return is_owed

    def on_response_complete(self) -> None:
        """Start the timeout of the next request."""
        super().on_response_complete()
        # A request that was sent behind this one is under way by now, and is answered as well.
        if self._is_half_closed and self.cycle.response_complete:
            self.transport.close()
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        super().connection_lost(exc)
        self._stop_timer()

    def _update_timer(self) -> None:
        if self.transport.is_closing() or (self.cycle and not self.cycle.response_complete):
            self._stop_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_TIMEOUT_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that h11 cannot parse, and close the connection.

        They may arrive during or after a response, such as the broken body of a
        request that was rejected by its header. No second response can be sent
        then, and uvicorn's own method would raise.
        """
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = ApiError(400, msg, code="invalid_http").response()
            headers = [*response.raw_headers, (b"connection", b"close")]
            events = (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
