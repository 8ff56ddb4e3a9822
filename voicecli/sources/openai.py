"""Speech from any server that speaks OpenAI's ``/v1/audio/speech``, through their SDK.

The only module that names ``openai``. Importing that takes some 100 ms, half of
what passes between the return key and the request, so it is done on first use,
on the thread that makes the request, and without what speech does not need.

What leaves the machine is what `OpenAISource` and this module put into the
request. The SDK would add what it finds in ``OPENAI_ORG_ID``,
``OPENAI_PROJECT_ID`` and ``OPENAI_CUSTOM_HEADERS``, which belong to OpenAI and
not to whatever server is spoken to, and a description of the machine.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from voicecli.address import is_loopback, is_openai
from voicecli.endpoint import KEYLESS
from voicecli.errors import BadResponse, NetworkError
from voicecli.sources.base import SourceInfo
from voicecli.sources.deferral import deferred
from voicecli.sources.faults import fault_of, fault_of_status
from voicecli.sources.sse import SpeechEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.errors import VoiceError
    from voicecli.request import SpeechRequest

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error's body is read: enough for any message, too little to hurt."""

ERROR_BODY_S = 3.0
"""How long an error's body is waited for, once its status is known."""

_NOT_NEEDED = (
    "openai.types",
    "openai.types.audio",
    "openai.types.chat",
    "openai.types.responses",
    "openai.types.shared",
    "openai.types.shared_params",
)
"""Packages of the SDK that import hundreds of modules, of which speech needs a few."""

_HIDDEN_KEY = "(the key)"
_LEAST_SECRET = 8
"""Keys shorter than this are no secrets, and would be found inside ordinary words."""

_NOT_UNDONE = {"br", "compress", "x-gzip", "zstd"}
"""Compressions that httpx2 leaves as they are, at least without further packages."""

_RATES_HZ = range(4000, 384_001)
_CHANNELS = range(1, 9)
_REPEATED = {307, 308}
"""Redirects that repeat the request; the others make it a GET without a text (RFC 9110, 15.4)."""


class _Call(NamedTuple):
    """One request: whom to tell of it, and whether nobody wants it any more."""

    sent: Callable[[], None]
    cancelled: threading.Event
    connected: Callable[[], None]


class SpeechClient:
    """One endpoint: the SDK's client and its connections, kept for later requests.

    ``read_timeout_s`` bounds each wait for bytes, None leaves that to who uses
    it: a session sets finer limits and calls `OpenAISource.cancel`. ``proxy`` is
    the URL of an HTTP proxy that everything goes through, also to this machine and
    whatever the environment says; it is not shown the key of an https endpoint.
    One request at a time. `close` it when done.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float | None = None,
        proxy: str | None = None,
    ) -> None:
        self.base_url = base_url
        self._api_key = api_key
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._proxy = proxy
        self._sdk: Any = None
        self._sockets: list[socket.socket] = []
        self._call = _Call(_nothing, threading.Event(), _nothing)
        self._is_ours = False

    def sdk(self) -> Any:
        """The SDK's client, made on first use.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
        """
        if self._sdk is None:
            try:
                self._sdk = self._make_sdk()
            except Exception as error:
                raise fault_of(error, self.base_url) from error
        return self._sdk

    def speech(self) -> Any:
        """The SDK's ``audio.speech``; raises as `sdk`.

        Named by its module, because ``sdk().audio`` brings transcriptions along,
        and these the types of everything else.
        """
        sdk = self.sdk()
        with deferred(_NOT_NEEDED):
            from openai.resources.audio.speech import Speech  # noqa: PLC0415  as `sdk`

        return Speech(sdk)

    def _make_sdk(self) -> Any:
        import httpx2  # noqa: PLC0415  comes with openai

        with deferred(_NOT_NEEDED):
            import openai  # noqa: PLC0415  100 ms; 190 with all its types

        headers = self._headers(openai.__version__)

        class Client(openai.OpenAI):
            """The SDK's client, with our headers instead of those it gathers."""

            @property
            def default_headers(self) -> dict[str, str | openai.Omit]:
                return {**headers}

        server = urlsplit(self.base_url)
        here = is_loopback(server.hostname or "")
        transport = httpx2.Client(
            timeout=httpx2.Timeout(self._read_timeout_s, connect=self._connect_timeout_s),
            follow_redirects=True,  # httpx2 drops the key when the origin changes
            verify=_trust(server.scheme, here=here),
            proxy=self._proxy,  # beside it, httpx2 asks the environment for none
            trust_env=not here,  # no proxy of its can reach this machine on its behalf
            event_hooks={"request": [self._on_request], "response": [self._on_response]},
        )
        return Client(
            base_url=self.base_url,
            api_key=self._api_key,
            max_retries=0,  # the session retries: it knows whether anything was heard
            http_client=transport,
        )

    def _headers(self, sdk_version: str) -> dict[str, str]:
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # audio is compressed already
            "Content-Type": "application/json",
            "User-Agent": f"voicecli OpenAI/Python {sdk_version}",
        }
        if is_openai(self.base_url):
            for header, variable in (
                ("OpenAI-Organization", "OPENAI_ORG_ID"),
                ("OpenAI-Project", "OPENAI_PROJECT_ID"),
            ):
                if value := os.environ.get(variable):
                    headers[header] = value
        return headers

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
        told = self.without_key(bytes(body[:MAX_ERROR_BYTES]))
        raise fault_of_status(status, response.headers, told)

    def _trace(self, event: str, details: dict[str, Any]) -> None:
        """httpcore2's trace hook: remembers the sockets, tells when the request has left."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._remember(details["return_value"].get_extra_info("socket"))
            self._call.connected()
        elif event.endswith("send_request_body.started"):
            self._is_ours = details["request"].method != b"CONNECT"  # that one is for a proxy
        elif event.endswith("send_request_body.complete") and self._is_ours:
            call = self._call
            self._call = call._replace(sent=_nothing)  # a redirect's repetition is not told again
            call.sent()

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

    def without_key(self, said: bytes) -> bytes:
        """What a server said, should it repeat the key it was sent."""
        if len(self._api_key) < _LEAST_SECRET or self._api_key == KEYLESS:
            return said
        return said.replace(self._api_key.encode(), _HIDDEN_KEY.encode())

    def close(self) -> None:
        """Close the connections."""
        if self._sdk is not None:
            self._sdk.close()


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


def _nothing() -> None:
    """Stand in for a callback that nobody set."""


class OpenAISource:
    """The bytes of one utterance, as they arrive from the server.

    ``pcm_rate_hz`` is the rate of headerless PCM where the server does not say it.
    Raises from entering and iterating: `AuthError`, `RateLimited`,
    `NetworkError`, `SourceTimeout`, `BadResponse`.
    """

    def __init__(
        self, client: SpeechClient, request: SpeechRequest, *, pcm_rate_hz: int | None = None
    ) -> None:
        self._client = client
        self._request = request
        self._pcm_rate_hz = pcm_rate_hz
        self._sent: Callable[[], None] = _nothing
        self._connected: Callable[[], None] = _nothing
        self._cancelled = threading.Event()
        self._opening: Any = None
        self._response: Any = None
        self._info = SourceInfo(requested=request.response_format, rate_hz=pcm_rate_hz)

    @property
    def info(self) -> SourceInfo:
        """What the response's headers say."""
        return self._info

    @property
    def label(self) -> str:
        """The endpoint's URL."""
        return self._client.base_url

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Set what to call each time that a connection stands; a kept one is not told."""
        self._connected = callback

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call when the request's last byte is on its way."""
        self._sent = callback

    def warm(self) -> None:
        """Import the SDK and make its client; some 200 ms the first time.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
        """
        self._client.speech()

    def __enter__(self) -> Self:
        if self._cancelled.is_set():
            raise NetworkError("cancelled before the request was made")
        speech = self._client.speech()
        self._client.begin(self._sent, self._cancelled, self._connected)
        try:
            streamed = speech.with_streaming_response
            self._opening = streamed.create(**self._arguments())
            self._response = self._opening.__enter__()
        except Exception as error:
            raise self._fault(error) from error
        headers = self._response.headers
        self._info = SourceInfo(
            requested=self._request.response_format,
            content_type=headers.get("content-type"),
            rate_hz=_bounded(headers.get("x-sample-rate"), _RATES_HZ) or self._pcm_rate_hz,
            channels=_bounded(headers.get("x-channels"), _CHANNELS),
        )
        return self

    def _arguments(self) -> dict[str, Any]:
        request = self._request
        arguments: dict[str, Any] = {
            "input": request.text,
            "model": request.model,
            "voice": request.voice,
            "response_format": request.response_format,
        }
        if request.speed is not None:
            arguments["speed"] = request.speed
        if request.instructions is not None:
            arguments["instructions"] = request.instructions
        if request.extra_body:
            arguments["extra_body"] = dict(request.extra_body)
        return arguments

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception):  # a connection that is gone is closed enough
            self._opening.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks as they arrive.

        Raises:
            SourceError: the flow broke.
        """
        content_type = (self._info.content_type or "").lower()
        if content_type.startswith("text/event-stream"):
            self._info = self._info._replace(content_type=None)  # what events carry has none
            yield from self._audio_of_events()
        elif content_type.startswith("text/") or "json" in content_type:
            for chunk in self._received():  # no audio but a complaint, which whoever decodes tells
                yield self._client.without_key(chunk)
        else:
            yield from self._received()

    def _audio_of_events(self) -> Iterator[bytes]:
        events = SpeechEvents()
        try:
            for chunk in self._received():
                yield from events.feed(chunk)
            events.flush()
        except BadResponse as error:
            raise self._fault(error) from error

    def _received(self) -> Iterator[bytes]:
        """The body in pieces as they arrive: given no size, ``iter_bytes`` holds nothing back."""
        self._check_coding()
        received = 0
        try:
            for chunk in self._response.iter_bytes():
                received += len(chunk)
                yield chunk
        except Exception as error:
            raise self._fault(error, received) from error

    def _check_coding(self) -> None:
        """Refuse what nobody will undo: it would be played as sound."""
        codings = self._response.headers.get("content-encoding", "").lower().split(",")
        if strange := _NOT_UNDONE.intersection(map(str.strip, codings)):
            named = " and ".join(sorted(strange))
            raise BadResponse(f"the server compressed its answer with {named}, which it may not")

    def _fault(self, error: Exception, received: int | None = None) -> VoiceError:
        """Our error for what was raised, without the key."""
        fault = fault_of(error, self.label, received)
        fault.message = self._client.without_key(fault.message.encode()).decode()
        return fault

    def cancel(self) -> None:
        """Stop soon; any thread."""
        self._cancelled.set()
        self._client.interrupt()


def _bounded(text: str | None, sensible: range) -> int | None:
    """A header's number, or None where there is none or it makes no sense."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if number in sensible else None
