"""Rewrite HTTP messages that a proxy forwards: their target and their headers. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import h11

_HTTP_PORT = 80

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
"""Headers for one connection only (RFC 9110, 7.6.1), besides those that ``Connection``
names. Trailers are dropped, as 6.5.1 allows."""


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
    """Rewrite a request for the server, in origin form (RFC 9112, 3.2.1)."""
    headers = [
        (b"Host", target.authority),
        *(header for header in _end_to_end(request) if header[0].lower() != b"host"),
    ]
    if _is_chunked(request):
        headers.append((b"Transfer-Encoding", b"chunked"))
    return h11.Request(method=request.method, target=target.path, headers=headers)


def forwarded_response(
    response: h11.Response | h11.InformationalResponse,
) -> h11.Response | h11.InformationalResponse:
    """Rewrite a response for the client; h11 adds the headers that frame its body."""
    return type(response)(
        status_code=response.status_code, headers=_end_to_end(response), reason=response.reason
    )


def _end_to_end(
    message: h11.Request | h11.Response | h11.InformationalResponse,
) -> list[tuple[bytes, bytes]]:
    """Return the headers for the other end, and the proxy's ``Via`` (RFC 9110, 7.6.3)."""
    dropped = set(_HOP_BY_HOP)
    for name, value in message.headers:
        if name == b"connection":
            dropped.update(option.strip().lower() for option in value.split(b","))
    if _is_chunked(message):
        dropped.add(b"content-length")  # it would be wrong (RFC 9112, 6.3)
    kept = [item for item in message.headers.raw_items() if item[0].lower() not in dropped]
    return [*kept, (b"Via", message.http_version + b" voicecli")]


def _is_chunked(message: h11.Request | h11.Response | h11.InformationalResponse) -> bool:
    return any(name == b"transfer-encoding" for name, _ in message.headers)
