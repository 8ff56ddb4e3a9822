"""Speech from any server that speaks OpenAI's ``/v1/audio/speech``, through their SDK.

What the request's body says is decided here, what goes along with it in
`voicecli.sources.client`. The audio comes as the body itself or, where the server
was asked for ``stream_format=sse``, in events.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Self

from voicecli.errors import BadResponse, NetworkError
from voicecli.sources.base import SourceInfo
from voicecli.sources.errors import fault_of
from voicecli.sources.sse import SpeechEvents
from voicecli.sources.transport import tell_nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.errors import VoiceError
    from voicecli.request import SpeechRequest
    from voicecli.sources.client import SpeechClient

_NOT_UNDONE = {"br", "compress", "x-gzip", "zstd"}
"""Compressions that httpx2 leaves as they are, at least without further packages."""

_RATES_HZ = range(4000, 384_001)
_CHANNELS = range(1, 9)


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
        self._sent: Callable[[], None] = tell_nobody
        self._connected: Callable[[], None] = tell_nobody
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
