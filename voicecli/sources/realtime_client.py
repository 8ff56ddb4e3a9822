"""The connections to one server's Realtime API, through the SDK and websockets."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from voicecli.config.server import Server
from voicecli.sources.client import NOT_CALLED, NOT_NEEDED, sdk_client
from voicecli.sources.lazy_packages import deferred
from voicecli.sources.proxies import proxy_for
from voicecli.sources.realtime_errors import fault_of_connecting
from voicecli.sources.realtime_events import MAX_MESSAGE_BYTES
from voicecli.sources.realtime_session import RealtimeSession
from voicecli.sources.redaction import Redactor
from voicecli.sources.redirects import check_redirect
from voicecli.sources.transport import trusted_certificates
from voicecli.sources.without_types import private_copy

if TYPE_CHECKING:
    from voicecli.sources.realtime_events import VoiceSettings
    from voicecli.sources.realtime_session import Socket

_NOT_NEEDED = (
    "openai.resources.realtime",
    "openai.resources.realtime.translations",
    "openai.types.realtime",
    "openai.types.realtime.translations",
)

_TYPES = (
    "openai.resources.realtime.calls",
    "openai.resources.realtime.client_secrets",
    "openai.resources.realtime.translations.translations",
    *(
        f"openai.types.realtime.{name}"
        for name in (
            "conversation_item_param",
            "realtime_client_event",
            "realtime_client_event_param",
            "realtime_error_event",
            "realtime_response_create_params_param",
            "realtime_response_create_params_with_references_param",
            "realtime_server_event",
            "response_create_event_with_references_param",
            "session_update_event_param",
        )
    ),
)
"""What the Realtime resource imports for annotations, and to parse events."""

_importing = threading.Lock()

_CLOSE_S = 0.5
"""Longest wait for the server to confirm that the websocket is closed."""


class RealtimeClient:
    """The sessions of one server: one for each model, voice and speed, kept between requests.

    A session's voice and speed cannot be changed once it has spoken. Any thread; `close` it
    when done. ``proxy`` is as for `Transport`.
    """

    def __init__(
        self, server: Server, *, connect_timeout_s: float = 5.0, proxy: str | None = None
    ) -> None:
        self.server = server
        self.redactor = Redactor(server.all_secrets)
        self._connect_timeout_s = connect_timeout_s
        self._proxy = proxy
        self._lock = threading.Lock()
        self._sessions: dict[VoiceSettings, RealtimeSession] = {}

    def prepare(self) -> None:
        """Import the part of the SDK for the Realtime API."""
        _imported()

    def session(self, settings: VoiceSettings) -> RealtimeSession:
        """Return a session that can take a request, a new one if the last one is over."""
        with self._lock:
            session = self._sessions.get(settings)
            if session is None or session.is_over:
                session = RealtimeSession(self.server, settings, lambda: self._open(settings))
                self._sessions[settings] = session
            return session

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()

    def _open(self, settings: VoiceSettings) -> Socket:
        proxy = proxy_for(self.server.base_url, self._proxy)
        try:
            return _connect(
                self.server, settings.model, self._connect_timeout_s, proxy and proxy.url
            )
        except Exception as error:
            raise fault_of_connecting(error, self.server, proxy) from error


def _imported() -> tuple[Any, Any]:
    """Return the SDK's Realtime resource and websockets' connection: their classes."""
    with _importing:
        return _import()


@functools.cache
def _import() -> tuple[Any, Any]:
    with deferred((*NOT_NEEDED, *_NOT_NEEDED), NOT_CALLED):
        import openai  # noqa: F401, PLC0415  slow to import
        from websockets.sync.client import ClientConnection  # noqa: PLC0415  likewise

        module = private_copy("openai.resources.realtime.realtime", _TYPES)
    return module.Realtime, ClientConnection


def _connect(server: Server, model: str, timeout_s: float, proxy: str | None) -> Socket:
    """Open a websocket to a server's Realtime API.

    A redirect to another origin is refused before anything is sent there.
    """
    import httpx2  # noqa: PLC0415  loaded with the SDK

    realtime, connection = _imported()
    trust = trusted_certificates(server)

    def checked(opened: Any, protocol: Any, **settings: Any) -> Any:
        scheme = "https" if protocol.uri.secure else "http"
        target = f"{scheme}://{protocol.uri.host}:{protocol.uri.port}"
        check_redirect(Server(server.base_url), server.base_url, target)
        made = connection(opened, protocol, **settings)
        made.pending_legacy_warning = False  # websockets would warn of how the SDK uses it
        return made

    options: dict[str, Any] = {
        "create_connection": checked,
        "proxy": proxy,
        "open_timeout": timeout_s,
        "close_timeout": _CLOSE_S,
        "max_size": MAX_MESSAGE_BYTES,
        "compression": None,  # base64 of sound does not shrink
    }
    if server.base_url.startswith("https:"):
        options["ssl"] = trust
    with httpx2.Client(verify=trust, trust_env=False) as http:  # the SDK requires one
        opening = realtime(sdk_client(server, http)).connect(
            model=model,
            extra_headers=dict(server.headers),
            websocket_connection_options=options,
        )
        socket: Socket = opening.enter()
        return socket
