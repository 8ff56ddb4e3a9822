"""The SDK's clients for one endpoint, and the connections they keep between requests.

With `realtime_client`, the only module that names ``openai``. Importing that takes
about 100 ms, half of the time between the return key and the request, so it happens on
first use, on the thread that makes the request, and without what speech does not need.

`OpenAISource` and this module decide what leaves the machine. The SDK alone would add
``OPENAI_ORG_ID``, ``OPENAI_PROJECT_ID`` and ``OPENAI_CUSTOM_HEADERS``, which belong to
OpenAI and not to any other server, and a description of the machine.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from voicecli.config.server import KEYLESS, Server
from voicecli.config.urls import is_openai
from voicecli.sources.errors import fault_of
from voicecli.sources.lazy_packages import deferred
from voicecli.sources.redaction import Redactor
from voicecli.sources.transport import Transport, trusted_certificates

if TYPE_CHECKING:
    import ssl

    from voicecli.sources.base import RequestEvents

NOT_NEEDED = (
    "asyncio",
    "openai.lib",
    "openai.providers",
    "openai.types",
    "openai.types.audio",
    "openai.types.chat",
    "openai.types.responses",
    "openai.types.shared",
    "openai.types.shared_params",
    "socksio",
)
"""Packages that the SDK imports, hundreds of modules in all, of which speech needs a few."""

NOT_CALLED = ("pydantic_function_tool", "pydantic_responses_function_tool")
"""Functions that ``openai`` imports from them."""


class RequestTransport(Protocol):
    """What a source needs from the transport that sends its request."""

    def begin(self, events: RequestEvents | None, cancelled: threading.Event) -> None:
        """Set what gets the events of the next request, and the flag that cancels it."""

    def interrupt(self) -> None:
        """Make a blocked read return; any thread."""

    def close(self) -> None:
        """Close the connections."""


class Connection(NamedTuple):
    """The SDK's ``audio.speech`` and the transport that it alone sends through."""

    speech: Any
    transport: RequestTransport


class Client(Protocol):
    """One endpoint's connections: `SpeechClient`, or one over a client that was given."""

    @property
    def base_url(self) -> str:
        """The endpoint's URL."""

    @property
    def redactor(self) -> Redactor:
        """Keeps its key out of messages and records."""

    def prepare(self) -> None:
        """Load what a request needs."""

    def acquire(self) -> Connection:
        """Return a connection for one request."""

    def release(self, connection: Connection) -> None:
        """Take a connection back."""


class SpeechClient:
    """One endpoint: a connection for each request under way, kept for later ones.

    Any number of threads may hold a connection each. ``server`` is a base URL, or a
    `Server` with all that goes with it. ``read_timeout_s`` bounds each wait for bytes; with
    None the caller sets its own limits and cancels. ``proxy`` is as for `Transport`.
    `close` it when done.
    """

    def __init__(
        self,
        server: str | Server,
        api_key: str | None = None,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float | None = None,
        proxy: str | None = None,
    ) -> None:
        server = server if isinstance(server, Server) else Server(server, api_key)
        self.base_url = server.base_url
        self.redactor = Redactor(server.all_secrets)
        self._server = server
        self._make_transport = partial(
            Transport,
            server,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            proxy=proxy,
        )
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._free: list[Connection] = []
        self._trust: ssl.SSLContext | None = None

    def prepare(self) -> None:
        """Import the SDK and make a connection's client, unless one is free.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
        """
        self.release(self.acquire())

    def acquire(self) -> Connection:
        """Return a connection that no other request uses; raises as `prepare`."""
        with self._lock:
            if self._free:
                return self._free.pop()
        try:
            made = self._make()
        except Exception as error:
            raise fault_of(error, self.base_url) from error
        with self._lock:
            self._connections.append(made)
        return made

    def release(self, connection: Connection) -> None:
        """Offer a connection to the next request."""
        with self._lock:
            self._free.append(connection)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._connections:
                connection.transport.close()

    def _make(self) -> Connection:
        with deferred(NOT_NEEDED, NOT_CALLED):
            import openai  # noqa: F401, PLC0415  100 ms; 190 with all its types

            # Named by its module: ``client.audio`` would import transcriptions and their types.
            from openai.resources.audio.speech import Speech  # noqa: PLC0415

            self._trust = self._trust or trusted_certificates(self._server)
            transport = self._make_transport(trust=self._trust)  # imports httpcore2
            return Connection(Speech(sdk_client(self._server, transport.http)), transport)


def sdk_client(server: Server, http: Any) -> Any:
    """Return a client of the SDK with our headers instead of those it gathers."""
    import openai  # noqa: PLC0415  loaded by now

    headers = request_headers(server.base_url, openai.__version__)

    class Client(openai.OpenAI):
        @property
        def default_headers(self) -> dict[str, str | openai.Omit]:
            return {**headers}

    return Client(
        base_url=server.base_url,
        api_key=server.api_key or KEYLESS,
        max_retries=0,  # the session retries: it knows whether anything was heard
        http_client=http,
    )


def request_headers(base_url: str, sdk_version: str) -> dict[str, str]:
    """Return the headers of a request, apart from the key."""
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # audio is compressed already
        "Content-Type": "application/json",
        "User-Agent": f"voicecli OpenAI/Python {sdk_version}",
    }
    if is_openai(base_url):
        for header, variable in (
            ("OpenAI-Organization", "OPENAI_ORG_ID"),
            ("OpenAI-Project", "OPENAI_PROJECT_ID"),
        ):
            if value := os.environ.get(variable):
                headers[header] = value
    return headers
