"""Read where a request to a proxy goes, and rewrite it for that server. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import h11

_HTTP_PORT = 80

_REPLACED = {b"host", b"upgrade"}
_OWN_PREFIX = b"proxy-"


class Target(NamedTuple):
    """Where a request goes.

    ``authority`` is host and port as the client wrote them, ``path`` everything after
    them; both are empty for a tunnel.
    """

    host: str
    port: int
    authority: bytes = b""
    path: bytes = b""


class ProxyError(Exception):
    """A request that the proxy itself answers, with ``status`` and ``message``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def parse_target(request: h11.Request) -> Target:
    """Read where a request goes.

    Raises:
        ProxyError: it is not a request to a proxy.
    """
    text = request.target.decode("ascii")
    is_tunnel = request.method == b"CONNECT"
    try:
        parts = urlsplit(f"//{text}" if is_tunnel else text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if is_tunnel and host and port:
        return Target(host, port)
    if is_tunnel or not host or parts.scheme != "http" or "@" in parts.netloc:
        raise ProxyError(400, "this is a proxy: it takes http:// URLs and CONNECT host:port")
    path = text.partition("//")[2][len(parts.netloc) :]
    if not path.startswith("/"):
        path = f"/{path}"
    return Target(host, port or _HTTP_PORT, parts.netloc.encode(), path.encode())


def forwarded_request(request: h11.Request, target: Target) -> h11.Request:
    """Rewrite a request for the server, in origin form (RFC 9112, 3.2.1).

    Headers for the proxy itself are dropped; so is a length besides chunked coding, which
    would be wrong (RFC 9112, 6.3).
    """
    dropped = set(_REPLACED)
    if any(name == b"transfer-encoding" for name, _ in request.headers):
        dropped.add(b"content-length")
    kept = [
        (name, value)
        for name, value in request.headers.raw_items()
        if name.lower() not in dropped and not name.lower().startswith(_OWN_PREFIX)
    ]
    headers = [(b"Host", target.authority), *kept]
    return h11.Request(method=request.method, target=target.path, headers=headers)
