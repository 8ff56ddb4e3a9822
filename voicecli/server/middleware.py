"""Middleware around every route: the key or the Host header, the access log, bugs.

Without a key only this machine can reach the server, but so can every web page open
in its browser: a page's own name can be made to resolve to 127.0.0.1 after it was
loaded (DNS rebinding), and the browser then lets it read the responses. The browser
still sends that name as the Host header, and only local names are answered.

The access log has the client, the path, the size and the duration of each request.
It has no query string, header or body, and thus neither text nor key.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voicecli.sanitize import clean
from voicecli.server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_RECORD = "voicecli.request_record"
"""Key of the `RequestRecord` in the ASGI scope."""

OPEN_PATHS = ("/health", "/openapi.json")
"""Paths that need no key."""

_MAX_SHOWN_PATH = 100
_MAX_SHOWN_NAME = 60

_LOCAL_NAME = re.compile(
    r"[a-z0-9_-]+|(localhost|[a-z0-9_.-]+\.(localhost|local|internal|home\.arpa))\.?"
)
"""A name without a dot, or with a suffix that cannot be registered.

A dot at the end marks a name as complete (RFC 1034, 3.1). Without a dot inside, such a name is
a top-level domain, which anyone may own; only ``localhost`` is safe.
The suffixes are those of RFC 6761, RFC 6762, RFC 8375 and ICANN's resolution 2024.07.29.06.
"""

_PORT = re.compile(r":\d*$")


@dataclass(slots=True)
class RequestRecord:
    """What the access log says about one request; filled in while it is processed.

    ``is_complete`` is set with the last byte of the response.
    """

    client: str
    method: str
    path: str
    status: int | None = None
    sent_bytes: int = 0
    audio: str | None = None
    is_complete: bool = False
    notes: list[str] = field(default_factory=list)

    def line(self, duration_s: float) -> str:
        """Return the line of the access log."""
        parts = [f"{self.sent_bytes} bytes", f"{duration_s * 1e3:.0f} ms", self.audio, *self.notes]
        details = ", ".join(part for part in parts if part)
        path = clean(self.path, _MAX_SHOWN_PATH)
        return f'{self.client} "{clean(self.method, 20)} {path}" {self.status or "-"} {details}'


class AccessMiddleware:
    """Checks that requests may pass to ``app``, logs them, and handles exceptions.

    Args:
        app: answers the requests that may pass.
        key: the bearer key that a request must have; None for none.
        log_access: called with a line for each request.
        on_error: called with unexpected exceptions.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: str | None,
        log_access: Callable[[str], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._app = app
        self._key_digest = None if key is None else _digest(key.encode())
        self._log_access = log_access
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request. Raises only if cancelled."""
        started_at = time.monotonic()
        client = (scope.get("client") or ("-",))[0]
        record = RequestRecord(client, scope["method"], scope["path"])
        path = _path_of(scope["path"])
        scope = {**scope, "path": path, REQUEST_RECORD: record}

        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)
            record.sent_bytes += len(message.get("body", b""))

        try:
            error = self._access_error(scope)
            app = self._app if error is None else error.response()
            await app(scope, receive, send_recorded)
        except Exception as bug:  # noqa: BLE001  a bug must not end the server
            self._on_error(bug)
            record.notes.append("failed")
            if record.status is None:
                hidden = ApiError(500, "internal server error; see the server's output")
                await hidden.response()(scope, receive, send_recorded)
        except BaseException:
            record.notes.append("stopped")
            raise
        finally:
            self._log_access(record.line(time.monotonic() - started_at))

    def _access_error(self, scope: Scope) -> ApiError | None:
        headers = dict(scope["headers"])
        if self._key_digest is None:
            host = headers.get(b"host", b"").decode("latin-1")
            if is_local_host(host):
                return None
            message = (
                "without a key (--api-key-env) the server answers to localhost and IP addresses, "
                f"not to {clean(host, _MAX_SHOWN_NAME)!r}"
            )
            return ApiError(421, message, code="misdirected_request")
        if scope["path"] in OPEN_PATHS:
            return None
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        # Digests have equal lengths, so the time of the comparison reveals nothing.
        is_valid = hmac.compare_digest(_digest(key.strip()), self._key_digest)
        if is_valid and scheme.lower() == b"bearer":
            return None
        message = "missing or wrong key; send 'Authorization: Bearer KEY'"
        headers = {"WWW-Authenticate": "Bearer"}
        return ApiError(401, message, code="invalid_api_key", headers=headers)


def is_local_host(host: str) -> bool:
    """Return whether no web page of another site can have this Host header.

    That holds for an address, a local name, and the empty string, for no header.
    """
    name = _PORT.sub("", host.lower())
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return not name or _LOCAL_NAME.fullmatch(name) is not None
    return True


def _path_of(target: str) -> str:
    """Return the path that a request is for: slashes at its end or doubled make no difference.

    A server must take a whole URL as well as a path (RFC 9112, 3.2.2).
    """
    path = target if target.startswith("/") else urlsplit(target).path
    return "/" + "/".join(filter(None, path.split("/")))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
