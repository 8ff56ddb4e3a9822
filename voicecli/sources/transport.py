"""HTTP that reports when a request has left and that another thread can interrupt.

The SDK sends through the ``httpx2.Client`` of a `Transport`. httpcore2's trace hook
tells when the request is on its way and shows the socket; a response hook reads the
bodies of errors and redirects within bounds, before the SDK would read all of them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from voicecli.errors import BadResponse
from voicecli.sources.errors import fault_of_proxy
from voicecli.sources.http_errors import fault_of_status
from voicecli.sources.proxies import proxy_for
from voicecli.sources.redaction import Redactor
from voicecli.sources.redirects import check_origin, check_redirect

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from voicecli.config.server import Server
    from voicecli.sources.base import RequestEvents

MAX_ERROR_BYTES = 64 * 1024
"""Upper bound on bytes read of the body of an error or a redirect."""

ERROR_BODY_S = 3.0
"""How long to wait for such a body once the status is known."""

_PROXY_FAILURES = {"connection.connect_tcp.failed", "connection.start_tls.failed"}
"""httpcore2's events for its own connection; those inside a tunnel begin with ``proxy.``."""

_REPEATING_REDIRECTS = {307, 308}
"""Redirects that repeat the request; others turn it into a GET (RFC 9110, 15.4)."""

_PARTIAL = 206
"""A success status that is an error here: no range was requested."""


class _Call(NamedTuple):
    events: RequestEvents | None
    cancelled: threading.Event


class Transport:
    """A connection to one server, kept open between requests; one request at a time.

    ``trust`` comes from `trusted_certificates`. ``read_timeout_s`` bounds each wait
    for bytes; with None the caller has to interrupt. ``proxy`` is the URL of a proxy for
    all requests, overriding the environment, even for loopback hosts. The proxy never
    sees the key of an https endpoint.

    Raises:
        ConfigError: the environment names an unusable proxy.
    """

    def __init__(
        self,
        server: Server,
        *,
        trust: ssl.SSLContext,
        connect_timeout_s: float,
        read_timeout_s: float | None,
        proxy: str | None = None,
    ) -> None:
        import httpx2  # noqa: PLC0415  slow to import

        self._server = server
        self._redactor = Redactor(server.all_secrets)
        self._proxy = proxy_for(server.base_url, proxy)
        self._sockets: list[socket.socket] = []
        self._call = _Call(None, threading.Event())
        self._is_speech = False
        self.http = httpx2.Client(
            timeout=httpx2.Timeout(read_timeout_s, connect=connect_timeout_s),
            follow_redirects=True,  # `_on_response` rejects those that must not be followed
            verify=trust,
            proxy=self._proxy and self._proxy.url,
            trust_env=False,
            event_hooks={"request": [self._on_request], "response": [self._on_response]},
        )

    def begin(self, events: RequestEvents | None, cancelled: threading.Event) -> None:
        """Set what gets the events of the next request, and the flag that cancels it."""
        self._call = _Call(events, cancelled)

    def interrupt(self) -> None:
        """Make a blocked read return at once; any thread.

        Closing a socket does not wake its reader on Linux; shutting it down does.
        """
        for opened in self._sockets:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own shutdown: it takes the encryption from under the reader.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.http.close()
        for opened in self._sockets:  # sockets that httpcore2 leaves open when SOCKS fails
            opened.close()

    def _on_request(self, request: Any) -> None:
        request.extensions["trace"] = self._trace
        is_own = check_origin(self._server, str(request.url))
        for name, value in self._server.headers:
            if is_own:
                request.headers[name] = value
            else:  # redirected: the headers of the first request were copied
                request.headers.pop(name, None)

    def _on_response(self, response: Any) -> None:
        """Raise our error for an error status of a speech request; bound a redirect's body."""
        status, request = response.status_code, response.request
        is_followed = request.method == "GET" or status in _REPEATING_REDIRECTS
        if response.has_redirect_location and is_followed:
            import httpx2  # noqa: PLC0415  loaded by now

            check_redirect(self._server, str(request.url), response.headers["location"])
            _first_bytes(request, response.stream)
            response.stream.close()
            response.stream = httpx2.ByteStream(b"")  # httpx2 would read all of it
        elif status == _PARTIAL and request.method != "GET":
            raise BadResponse(
                "the server sent only a part of the answer (206)",
                remedy="look for a cache in front of it",
            )
        elif not response.is_success and request.method != "GET":
            body = _first_bytes(request, response.iter_bytes())
            shown = self._redactor.data(body)
            raise fault_of_status(status, response.headers, shown, has_key=self._server.has_key)

    def _trace(self, event: str, details: dict[str, Any]) -> None:
        """Remember the sockets and report progress; httpcore2's trace hook.

        Raises:
            SourceError: the proxy cannot be reached.
        """
        events = self._call.events
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            opened = details["return_value"].get_extra_info("socket")
            if hasattr(opened, "suppress_ragged_eofs"):  # RFC 8446, 6.1: an end that TLS did not
                opened.suppress_ragged_eofs = False  # announce may be a cut
            self._remember(opened)
            if events is not None:
                events.connected()
        elif event.endswith("send_request_body.started"):
            self._is_speech = details["request"].method != b"CONNECT"  # CONNECT goes to a proxy
        elif event.endswith("send_request_body.complete") and self._is_speech:
            self._call = self._call._replace(events=None)  # a redirect does not report again
            if events is not None:
                events.sent()
        elif event in _PROXY_FAILURES and self._proxy is not None:
            error = details["exception"]
            if isinstance(error, Exception):  # an interrupt is not the proxy's fault
                raise fault_of_proxy(error, self._proxy) from error

    def _remember(self, opened: socket.socket) -> None:
        self._sockets = [known for known in self._sockets if known.fileno() >= 0]
        self._sockets.append(opened)
        if self._call.cancelled.is_set():
            self.interrupt()  # the first call came before there was a socket


def _first_bytes(request: Any, chunks: Iterable[bytes]) -> bytes:
    """Read a body within bounds of size and time; of a broken one, return what arrived."""
    body = bytearray()
    give_up_at = time.monotonic() + ERROR_BODY_S
    timeouts = request.extensions["timeout"]  # a redirected request shares them
    usual_s, timeouts["read"] = timeouts["read"], ERROR_BODY_S
    with contextlib.suppress(Exception):
        for chunk in chunks:
            body += chunk
            if len(body) >= MAX_ERROR_BYTES or time.monotonic() > give_up_at:
                break
    timeouts["read"] = usual_s
    return bytes(body[:MAX_ERROR_BYTES])


def trusted_certificates(server: Server) -> ssl.SSLContext:
    """Return what a connection to a server trusts.

    For https that is the system's certificates, or ``SSL_CERT_FILE``. Loading them
    takes 15 to 35 ms. Plain http trusts none, so that a plain server cannot redirect
    to an impostor, unless the profile allows it to redirect to https.
    """
    import ssl  # noqa: PLC0415  loaded with httpx2

    import httpx2  # noqa: PLC0415  slow to import

    urls = (server.base_url, *server.allow_redirects_to)
    if all(urlsplit(url).scheme == "http" for url in urls):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context()
