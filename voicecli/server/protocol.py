"""HTTP/1.1 by uvicorn and h11, with refusals in our shape for what is no HTTP at all."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from voicecli.server.refusal import Refusal


class Protocol(H11Protocol):
    """One connection."""

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
