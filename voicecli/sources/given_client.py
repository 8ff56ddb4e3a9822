"""Speech through an OpenAI SDK client that the caller made: Azure, or one with its own headers.

Nothing is changed in the client. It stands in for a `SpeechClient`, so `OpenAISource` works
with either.
"""

from __future__ import annotations

import socket
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from voicecli.config.server import Server
from voicecli.errors import NetworkError
from voicecli.sources.client import Connection
from voicecli.sources.http_errors import fault_of_status
from voicecli.sources.redaction import Redactor
from voicecli.sources.transport import MAX_ERROR_BYTES
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from voicecli.errors import SourceError
    from voicecli.sources.base import RequestEvents


class GivenClient:
    """The part of `SpeechClient` that a source needs, over a synchronous ``openai`` client.

    Any number of requests may be under way. The caller closes the client.
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
    """Interrupts one request of a foreign client: the wait for its answer, or a read of it.

    The request is made on a thread of its own, because a client that waits for an answer
    cannot be interrupted. After a cancel, that thread ends with the client's own timeout.
    """

    def __init__(self) -> None:
        self._outcome: Future[Any] = Future()

    def begin(self, events: RequestEvents | None, cancelled: threading.Event) -> None:
        """Report the request as sent: a foreign client does not say when it is."""
        self._outcome = Future()
        if cancelled.is_set():
            self.interrupt()
        elif events is not None:
            events.sent()

    def answer_of(self, opening: AbstractContextManager[Any]) -> Any:
        """Enter ``opening``, and return its answer, unless interrupted before."""
        outcome = self._outcome

        def work() -> None:
            try:
                answer = opening.__enter__()
            except Exception as error:  # noqa: BLE001  raised again by the thread that waits
                with suppress(InvalidStateError):
                    outcome.set_exception(error)
                return
            try:
                outcome.set_result(answer)
            except InvalidStateError:  # interrupted
                with suppress(Exception):
                    opening.__exit__(None, None, None)

        spawn_daemon(work, "given-client")
        return outcome.result()

    def close(self) -> None:
        """Do nothing: the connections are the client's."""

    def interrupt(self) -> None:
        """Make a wait for the answer, or a blocked read of it, return; any thread."""
        with suppress(InvalidStateError):
            self._outcome.set_exception(NetworkError("cancelled before the server answered"))
        with suppress(Exception):
            stream = self._outcome.result(0).http_response.extensions["network_stream"]
            opened = stream.get_extra_info("socket")
            socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _fault_of_status(error: Exception) -> SourceError | None:
    """Return our error for the SDK's `APIStatusError`, None for any other exception."""
    status, answer = getattr(error, "status_code", None), getattr(error, "response", None)
    if not isinstance(status, int) or answer is None:
        return None
    return fault_of_status(status, answer.headers, answer.content[:MAX_ERROR_BYTES])


class _RecordedSpeech:
    """The SDK's ``audio.speech``, whose requests go through a `_GivenTransport`."""

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
        opening = self._speech.with_streaming_response.create(**arguments)
        try:
            answer = self._transport.answer_of(opening)
        except Exception as error:
            raise _fault_of_status(error) or error from error
        try:
            yield answer
        finally:
            opening.__exit__(None, None, None)
