"""Speech from any server that speaks OpenAI's ``/v1/audio/speech``, through their SDK.

The only module that names ``openai``. Importing that takes some 200 ms, most of
what passes between the return key and the request, so it is done on first use,
on the thread that makes the request.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from voicecli.sources.base import SourceInfo
from voicecli.sources.faults import fault_of, fault_of_status
from voicecli.sources.sse import SpeechEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.request import SpeechRequest

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error's body is read: enough for any message, too little to hurt."""

_RATES_HZ = range(4000, 384_001)
_CHANNELS = range(1, 9)


class SpeechClient:
    """One endpoint: the SDK's client and its connections, kept for later requests.

    ``read_timeout_s`` bounds each wait inside the SDK; who uses a source sets
    finer limits by calling `OpenAISource.cancel`. One request at a time.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 120.0,
    ) -> None:
        self.base_url = base_url
        self._api_key = api_key
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._sdk: Any = None
        self._socket: socket.socket | None = None
        self._sent: Callable[[], None] = _nothing

    def sdk(self) -> Any:
        """The SDK's client, made on first use."""
        if self._sdk is None:
            import httpx2  # noqa: PLC0415  comes with openai
            import openai  # noqa: PLC0415  200 ms

            transport = httpx2.Client(
                timeout=httpx2.Timeout(self._read_timeout_s, connect=self._connect_timeout_s),
                follow_redirects=True,  # httpx2 drops the key when the origin changes
                verify=self._trust(),
                event_hooks={"request": [self._on_request], "response": [self._on_response]},
            )
            self._sdk = openai.OpenAI(
                base_url=self.base_url,
                api_key=self._api_key,
                max_retries=0,  # the session retries: it knows whether anything was heard
                http_client=transport,
                default_headers={"Accept-Encoding": "identity"},
            )
        return self._sdk

    def _trust(self) -> Any:
        """Whom to trust: for https the system, for plain http nobody.

        Loading the system's certificates takes 15 to 35 ms. Without them a plain
        server cannot redirect to an impostor: no certificate would be accepted.
        """
        if urlsplit(self.base_url).scheme == "https":
            return True
        import ssl  # noqa: PLC0415  loaded with httpx2

        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def prepare_for(self, sent: Callable[[], None]) -> None:
        """Set what to call when the next request has left."""
        self._sent = sent

    def _on_request(self, request: Any) -> None:
        request.extensions["trace"] = self._trace

    def _on_response(self, response: Any) -> None:
        """Turn an error status into our error, reading no more of its body than is sensible."""
        if response.status_code < 400:  # noqa: PLR2004  RFC 9110: errors start here
            return
        body = bytearray()
        with contextlib.suppress(Exception):  # a broken error body: what came has to do
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= MAX_ERROR_BYTES:
                    break
        raise fault_of_status(response.status_code, response.headers, bytes(body[:MAX_ERROR_BYTES]))

    def _trace(self, event: str, details: dict[str, Any]) -> None:
        """httpcore2's trace hook: remembers the socket, tells when the request has left."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = details["return_value"].get_extra_info("socket")
        elif event.endswith("send_request_body.complete"):
            self._sent()

    def interrupt(self) -> None:
        """Make a blocked read return at once; any thread.

        Closing a socket does not wake its reader on Linux; shutting it down does.
        """
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
        if self._sdk is not None:
            self._sdk.close()


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

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call when the request's last byte is on its way."""
        self._sent = callback

    def warm(self) -> None:
        """Import the SDK and make its client; some 200 ms the first time."""
        _ = self._client.sdk().audio.speech  # the SDK imports its resources when they are touched

    def __enter__(self) -> Self:
        try:
            self._client.prepare_for(self._sent)
            speech = self._client.sdk().audio.speech
            self._opening = speech.with_streaming_response.create(**self._arguments())
            self._response = self._opening.__enter__()
        except Exception as error:
            raise fault_of(error, self.label) from error
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
        received = 0
        try:
            for chunk in self._chunks():
                received += len(chunk)
                yield chunk
        except Exception as error:
            raise fault_of(error, self.label, received) from error

    def _chunks(self) -> Iterator[bytes]:
        # Without a size, iter_bytes holds nothing back; with one it waits until it has that much.
        chunks = (chunk for chunk in self._response.iter_bytes() if chunk)
        if not (self._info.content_type or "").lower().startswith("text/event-stream"):
            yield from chunks
            return
        self._info = SourceInfo(self._info.requested, None, self._info.rate_hz, self._info.channels)
        events = SpeechEvents()
        for chunk in chunks:
            yield from filter(None, events.feed(chunk))
        events.flush()

    def cancel(self) -> None:
        """Stop soon; any thread."""
        self._client.interrupt()


def _bounded(text: str | None, sensible: range) -> int | None:
    """A header's number, or None where there is none or it makes no sense."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if number in sensible else None
