"""Speech through an OpenAI SDK client that the caller made: Azure, or one with its own headers.

Nothing is changed in the client. It stands in for a `SpeechClient`, so `OpenAISource` works
with either.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from voicecli.config.server import Server
from voicecli.sources.client import Connection
from voicecli.sources.redaction import Redactor

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from voicecli.sources.base import RequestEvents


class GivenClient:
    """The part of `SpeechClient` that a source needs, over a synchronous ``openai`` client.

    Any number of requests may be under way. The caller closes the client. A request that is
    cancelled before the server has answered ends at the client's own timeout: only an answer
    has a connection that can be interrupted.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.base_url = str(client.base_url).rstrip("/")
        self.redactor = Redactor(_secrets_of(client))

    def prepare(self) -> None:
        """Do nothing: the client is there."""

    def acquire(self) -> Connection:
        """Return a connection for one request."""
        transport = _GivenTransport()
        return Connection(_RecordedSpeech(self._client.audio.speech, transport), transport)

    def release(self, connection: Connection) -> None:
        """Do nothing: the client keeps its connections itself."""

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


def _secrets_of(client: Any) -> Iterator[str]:
    """Yield the client's key, and those in the headers that it sends."""
    key = getattr(client, "api_key", None)
    headers = tuple((n, v) for n, v in client.default_headers.items() if isinstance(v, str))
    yield from Server("", key if isinstance(key, str) else None, headers).all_secrets


class _GivenTransport:
    """What can be done about one request of a foreign client: interrupt its answer."""

    def __init__(self) -> None:
        self.answer: Any = None

    def begin(self, events: RequestEvents | None, cancelled: threading.Event) -> None:  # noqa: ARG002
        """Report the request as sent: a foreign client does not say when it is."""
        if events is not None:
            events.sent()

    def close(self) -> None:
        """Do nothing: the connections are the client's."""

    def interrupt(self) -> None:
        """Make a blocked read of the answer return; any thread."""
        answer = self.answer
        with suppress(Exception):
            stream = answer.http_response.extensions["network_stream"]
            opened = stream.get_extra_info("socket")
            socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _RecordedSpeech:
    """The SDK's ``audio.speech``; its transport learns of each answer."""

    def __init__(self, speech: Any, transport: _GivenTransport) -> None:
        self._speech = speech
        self._transport = transport

    @property
    def with_streaming_response(self) -> _RecordedSpeech:
        """Itself: it has that one way to ask."""
        return self

    @contextmanager
    def create(self, **arguments: Any) -> Iterator[Any]:
        """Make the request."""
        with self._speech.with_streaming_response.create(**arguments) as answer:
            self._transport.answer = answer
            yield answer
