"""HTTP as a speech client needs it: it tells when a request has left, and can be interrupted.

The SDK sends through whatever ``httpx2.Client`` it is given; this one is ours, for
what the SDK has no hooks for. httpcore2's trace tells the moment at which the
request is on its way and shows the sockets; a response hook reads an error's
body within bounds before the SDK would read all of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from voicecli.config.urls import is_loopback
from voicecli.sources.errors import fault_of_proxy
from voicecli.sources.statuses import fault_of_status

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error's body is read: enough for any message, too little to hurt."""

ERROR_BODY_S = 3.0
"""How long an error's body is waited for, once its status is known."""

_FAILURES_ON_THE_WAY = {"connection.connect_tcp.failed", "connection.start_tls.failed"}
"""httpcore2's events for its own connection; what goes on inside a tunnel is ``proxy.``."""

_REPEATED = {307, 308}
"""Redirects that repeat the request; the others make it a GET without a text (RFC 9110, 15.4)."""


def tell_nobody() -> None:
    """Stand in for a callback that nobody set."""


class _Call(NamedTuple):
    """One request: whom to tell of it, and whether nobody wants it any more."""

    sent: Callable[[], None]
    cancelled: threading.Event
    connected: Callable[[], None]


class Transport:
    """The connections to one server, one request at a time.

    ``hide`` takes the key out of what a server says. ``read_timeout_s`` bounds
    each wait for bytes, None leaves that to who uses it. ``proxy`` is the URL of an
    HTTP proxy that everything goes through, also to this machine and whatever the
    environment says; it is not shown the key of an https endpoint.
    """

    def __init__(
        self,
        base_url: str,
        hide: Callable[[bytes], bytes],
        *,
        connect_timeout_s: float,
        read_timeout_s: float | None,
        proxy: str | None,
    ) -> None:
        self._base_url = base_url
        self._hide = hide
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._proxy = proxy
        self._sockets: list[socket.socket] = []
        self._call = _Call(tell_nobody, threading.Event(), tell_nobody)
        self._is_ours = False

    def make_http(self) -> Any:
        """An ``httpx2.Client`` that reports here; whoever asked closes it.

        Raises:
            Exception: httpx2's own, where the environment names a proxy that cannot be used.
        """
        import httpx2  # noqa: PLC0415  comes with openai

        server = urlsplit(self._base_url)
        here = is_loopback(server.hostname or "")
        return httpx2.Client(
            timeout=httpx2.Timeout(self._read_timeout_s, connect=self._connect_timeout_s),
            follow_redirects=True,  # httpx2 drops the key when the origin changes
            verify=_trust(server.scheme, here=here),
            proxy=self._proxy,  # beside it, httpx2 asks the environment for none
            trust_env=not here,  # no proxy of its can reach this machine on its behalf
            event_hooks={"request": [self._on_request], "response": [self._on_response]},
        )

    def begin(
        self,
        sent: Callable[[], None],
        cancelled: threading.Event,
        connected: Callable[[], None],
    ) -> None:
        """Set whom to tell of the next request, and what says that it is unwanted."""
        self._call = _Call(sent, cancelled, connected)

    def _on_request(self, request: Any) -> None:
        request.extensions["trace"] = self._trace

    def _on_response(self, response: Any) -> None:
        """Turn an error status into our error, reading no more of its body than is sensible."""
        status = response.status_code
        if response.is_success or (status in _REPEATED and response.has_redirect_location):
            return
        body = bytearray()
        give_up_at = time.monotonic() + ERROR_BODY_S
        response.request.extensions["timeout"]["read"] = ERROR_BODY_S
        with contextlib.suppress(Exception):  # a broken error body: what came has to do
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= MAX_ERROR_BYTES or time.monotonic() > give_up_at:
                    break
        told = self._hide(bytes(body[:MAX_ERROR_BYTES]))
        raise fault_of_status(status, response.headers, told)

    def _trace(self, event: str, details: dict[str, Any]) -> None:
        """httpcore2's trace hook: remembers the sockets, tells when the request has left.

        Raises:
            SourceError: the proxy is not to be had.
        """
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._remember(details["return_value"].get_extra_info("socket"))
            self._call.connected()
        elif event.endswith("send_request_body.started"):
            self._is_ours = details["request"].method != b"CONNECT"  # that one is for a proxy
        elif event.endswith("send_request_body.complete") and self._is_ours:
            call = self._call
            self._call = call._replace(
                sent=tell_nobody
            )  # a redirect's repetition is not told again
            call.sent()
        elif event in _FAILURES_ON_THE_WAY and self._proxy is not None:
            self._blame_proxy(details["exception"], self._proxy)

    def _blame_proxy(self, error: BaseException, proxy: str) -> None:
        """Tell that it was the proxy: through one, no other connection is made from here."""
        if isinstance(error, Exception):  # an interrupt is nobody's fault
            raise fault_of_proxy(error, proxy) from error

    def _remember(self, opened: socket.socket) -> None:
        self._sockets = [known for known in self._sockets if known.fileno() >= 0]
        self._sockets.append(opened)
        if self._call.cancelled.is_set():
            self.interrupt()  # it was called before there was a socket

    def interrupt(self) -> None:
        """Make a blocked read return at once; any thread.

        Closing a socket does not wake its reader on Linux; shutting it down does.
        """
        for opened in self._sockets:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own shutdown: it takes the encryption from under the reader.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _trust(scheme: str, *, here: bool) -> Any:
    """Whom to trust: for plain http nobody, for https the system, or ``SSL_CERT_FILE``.

    Loading the system's certificates takes 15 to 35 ms. Without them a plain
    server cannot redirect to an impostor: no certificate would be accepted.
    """
    import ssl  # noqa: PLC0415  loaded with httpx2

    if scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # httpx2 knows more places for certificates, but not when it is to ignore proxies.
    return ssl.create_default_context() if here else True
