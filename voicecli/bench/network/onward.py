"""What a proxy makes of a message on its way: where it goes, and which headers go along. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import h11

_HTTP_PORT = 80

_OWN_TO_A_HOP = {
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
"""Headers that concern one connection only (RFC 9110, 7.6.1), beside those that
``Connection`` names; trailers are dropped, as 6.5.1 allows."""


class Target(NamedTuple):
    """Where a request is to go.

    ``authority`` is host and port as the client wrote them, ``path`` all behind
    them; both are empty for a tunnel.
    """

    host: str
    port: int
    authority: bytes = b""
    path: bytes = b""


class Refusal(Exception):
    """The proxy's own answer to a request: ``status`` and ``message``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def target_of(request: h11.Request) -> Target:
    """Where a request is to go.

    Raises:
        Refusal: it does not say so in a proxy's terms.
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
        raise Refusal(400, "this is a proxy: it takes http:// URLs and CONNECT host:port")
    path = text.partition("//")[2][len(parts.netloc) :]
    if not path.startswith("/"):
        path = f"/{path}"
    return Target(host, port or _HTTP_PORT, parts.netloc.encode(), path.encode())


def onward_request(request: h11.Request, target: Target) -> h11.Request:
    """A request as the server gets it: in origin form (RFC 9112, 3.2.1), for its own host."""
    headers = [
        (b"Host", target.authority),
        *(header for header in _end_to_end(request) if header[0].lower() != b"host"),
    ]
    if _is_chunked(request):
        headers.append((b"Transfer-Encoding", b"chunked"))
    return h11.Request(method=request.method, target=target.path, headers=headers)


def onward_response(
    response: h11.Response | h11.InformationalResponse,
) -> h11.Response | h11.InformationalResponse:
    """An answer as the client gets it; h11 adds what says how long its body is."""
    return type(response)(
        status_code=response.status_code, headers=_end_to_end(response), reason=response.reason
    )


def _end_to_end(
    message: h11.Request | h11.Response | h11.InformationalResponse,
) -> list[tuple[bytes, bytes]]:
    """The headers that are meant for the far end, and the proxy's own (RFC 9110, 7.6.3)."""
    dropped = set(_OWN_TO_A_HOP)
    for name, value in message.headers:
        if name == b"connection":
            dropped.update(option.strip().lower() for option in value.split(b","))
    if _is_chunked(message):
        dropped.add(b"content-length")  # it would be wrong (RFC 9112, 6.3)
    kept = [item for item in message.headers.raw_items() if item[0].lower() not in dropped]
    return [*kept, (b"Via", message.http_version + b" voicecli")]


def _is_chunked(message: h11.Request | h11.Response | h11.InformationalResponse) -> bool:
    return any(name == b"transfer-encoding" for name, _ in message.headers)
