"""What stands around every route: the key, the access line, defects.

The access line has who, what, how much and how long. It has no query string, no
header and nothing of a body: there is neither text nor key in it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.display import clean
from voicecli.server.refusal import Refusal, defect

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXCHANGE = "voicecli.exchange"
"""Key of the request's `Exchange` in its ASGI scope."""

OPEN_PATHS = ("/health", "/openapi.json")
"""What is told without a key: whether the server is up, and how to talk to it."""

_SHOWN_PATH = 100


@dataclass(slots=True)
class Exchange:
    """One request's record: filled in on its way, told at its end.

    ``is_over`` is set with the answer's last byte, after which a client may leave.
    """

    client: str
    method: str
    path: str
    status: int | None = None
    sent_bytes: int = 0
    sound: str | None = None
    is_over: bool = False
    remarks: list[str] = field(default_factory=list)

    def line(self, took_s: float) -> str:
        """The access line."""
        parts = [f"{self.sent_bytes} bytes", f"{took_s * 1e3:.0f} ms", self.sound, *self.remarks]
        told = ", ".join(part for part in parts if part)
        path = clean(self.path, _SHOWN_PATH)
        return f'{self.client} "{clean(self.method, 20)} {path}" {self.status or "-"} {told}'


class Guard:
    """Lets requests through to ``app``, and tells of each.

    Args:
        app: answers what passes.
        key: the bearer key that a request must show; None for no key.
        access: takes a line for each request.
        on_defect: takes an exception that nobody foresaw.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: str | None,
        access: Callable[[str], None],
        on_defect: Callable[[Exception], None],
    ) -> None:
        self._app = app
        self._key_digest = None if key is None else _digest(key.encode())
        self._access = access
        self._on_defect = on_defect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on. Only cancellation is raised."""
        started = time.monotonic()
        client = (scope.get("client") or ("-",))[0]
        exchange = Exchange(client, scope["method"], scope["path"])

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)
            exchange.sent_bytes += len(message.get("body", b""))

        try:
            if self._admits(scope):
                await self._app({**scope, EXCHANGE: exchange}, receive, noting)
            else:
                await _unauthorized().response()(scope, receive, noting)
        except Exception as error:  # noqa: BLE001  a defect must not end the server
            self._on_defect(error)
            exchange.remarks.append("failed")
            if exchange.status is None:
                await defect().response()(scope, receive, noting)
        except BaseException:
            exchange.remarks.append("stopped")
            raise
        finally:
            self._access(exchange.line(time.monotonic() - started))

    def _admits(self, scope: Scope) -> bool:
        if self._key_digest is None or scope["path"] in OPEN_PATHS:
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, key = given.partition(b" ")
        # Digests are of one length, so the comparison's time tells nothing, not even that.
        fits = hmac.compare_digest(_digest(key.strip()), self._key_digest)
        return fits and kind.lower() == b"bearer"


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _unauthorized() -> Refusal:
    return Refusal(
        401,
        "a key is needed, as in 'Authorization: Bearer KEY', and it must be the right one",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )
