"""HTTP/1.1 by uvicorn and h11, with what they leave out: refusals in our shape, and patience.

uvicorn waits for ever for a request that has begun, and for the first of a
connection. A few hundred clients that say nothing then use up the descriptors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from voicecli.server.errors import Refusal

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

HEAD_S = 15.0
"""How long a client may take from its connection, or its last answer, to the end of a header."""


class Protocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._patience: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait no more once there is a request, whose body has a limit of its own."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._forget()

    def _watch(self) -> None:
        if self.transport.is_closing() or (self.cycle and not self.cycle.response_complete):
            self._forget()
        elif self._patience is None:
            self._patience = self.loop.call_later(HEAD_S, self.transport.close)

    def _forget(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that h11 cannot read, and hang up.

        They may come when an answer is under way or complete, such as a broken
        body of a request that was refused by its headers. There is no place for
        another answer then; uvicorn's own method raises.
        """
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            refusal = Refusal(400, msg, code="invalid_http").response()
            headers = [*refusal.raw_headers, (b"connection", b"close")]
            events = (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(refusal.body)),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
