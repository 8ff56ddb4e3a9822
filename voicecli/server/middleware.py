"""What stands around every route: the key, or the name it was asked by; the access line; defects.

Without a key only this machine can reach the server, but so can every web page that
is open on it: a page's own name can be made to lead to 127.0.0.1 after it was loaded
(DNS rebinding), and the browser then lets it read the answers. It sends that name
along, though, and no such name is answered to.

The access line has who, what, how much and how long. It has no query string, no
header and nothing of a body: there is neither text nor key in it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.sanitize import clean
from voicecli.server.errors import Refusal, defect

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_RECORD = "voicecli.exchange"
"""Key of the request's `RequestRecord` in its ASGI scope."""

OPEN_PATHS = ("/health", "/openapi.json")
"""What is told without a key: whether the server is up, and how to talk to it."""

_SHOWN_PATH = 100
_SHOWN_NAME = 60

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
"""Of names that nobody can register (RFC 6761, RFC 6762; ICANN's resolution 2024.07.29.06)."""

_PORT = re.compile(r":\d*$")


@dataclass(slots=True)
class RequestRecord:
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
        exchange = RequestRecord(client, scope["method"], scope["path"])

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)
            exchange.sent_bytes += len(message.get("body", b""))

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app({**scope, REQUEST_RECORD: exchange}, receive, noting)
            else:
                await refusal.response()(scope, receive, noting)
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

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = dict(scope["headers"])
        if self._key_digest is None:
            name = headers.get(b"host", b"").decode("latin-1")
            return None if is_local_name(name) else _misdirected(name)
        if scope["path"] in OPEN_PATHS:
            return None
        kind, _, key = headers.get(b"authorization", b"").partition(b" ")
        # Digests are of one length, so the comparison's time tells nothing, not even that.
        fits = hmac.compare_digest(_digest(key.strip()), self._key_digest)
        return None if fits and kind.lower() == b"bearer" else _unauthorized()


def is_local_name(host: str) -> bool:
    """Whether a Host header, empty if there is none, is one that no foreign web page has.

    So is an address, a name without a dot, and one with a suffix for private use.
    """
    name = _PORT.sub("", host.lower())
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_SUFFIXES)
    return True


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _unauthorized() -> Refusal:
    return Refusal(
        401,
        "a key is needed, as in 'Authorization: Bearer KEY', and it must be the right one",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _misdirected(name: str) -> Refusal:
    return Refusal(
        421,
        f"without a key (--api-key-env) this answers to localhost and to addresses, "
        f"not to {clean(name, _SHOWN_NAME)!r}",
        code="misdirected_request",
    )
