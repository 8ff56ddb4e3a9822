"""Speech from servers with OpenAI's ``/v1/audio/speech``, through their SDK.

This module decides what a request's body says, `voicecli.sources.client` what goes
along with it. The audio is the body itself or, with ``stream_format=sse``, in events.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse, NetworkError, SourceError, VoiceError
from voicecli.sources.base import Response, SourceInfo
from voicecli.sources.compression import decompressed
from voicecli.sources.errors import fault_of
from voicecli.sources.sse import audio_of_events
from voicecli.sources.trailing_text import audio_before_text
from voicecli.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents
    from voicecli.sources.client import Client, Connection, RequestTransport

_END_OF_BODY_S = 0.1
"""Longest wait for the end of a body after its last event."""

_MAX_CHUNKS_AFTER_END = 8

_CLICK_PCM_BYTES = 480
"""Events that break within this would be heard as a click: 10 ms at 24 kHz, mono."""

_CLICK_BYTES = 44
"""The same in other formats: the header of a WAV file, and less than any other header."""

_RATES_HZ = range(4000, 384_001)
_CHANNELS = range(1, 9)
_RATE = re.compile(
    r"[;,]\s*(?:rate|sampl(?:e|ing)[-_]?rate|sr|frequency)\s*=\s*([^;,]*)", re.IGNORECASE
)
_NUMBER = re.compile(r'\s*"?(?:\(int\))?([0-9]{1,9})(?:\.0*)?\s*(?:hz)?"?\s*', re.IGNORECASE)


class OpenAISource:
    """The bytes of one utterance, as they arrive from the server.

    ``pcm_rate_hz`` is the rate of headerless PCM if the server does not report it, or,
    with ``overrides_rate``, whatever the server reports.
    Opening and iterating raise `AuthError`, `RateLimited`, `NetworkError`,
    `SourceTimeout` and `BadResponse`.
    """

    sends_request = True

    def __init__(
        self,
        client: Client,
        request: SpeechRequest,
        *,
        pcm_rate_hz: int | None = None,
        overrides_rate: bool = False,
    ) -> None:
        self._client = client
        self._request = request
        self._pcm_rate_hz = pcm_rate_hz
        self._overrides_rate = overrides_rate
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None  # under the lock

    @property
    def label(self) -> str:
        """The endpoint's URL."""
        return self._client.base_url

    def prepare(self) -> None:
        """Import the SDK and make its client; about 200 ms the first time.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
        """
        self._client.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Send the request and wait for the headers of its answer."""
        connection = self._client.acquire()
        with self._lock:
            self._connection = connection
        # Read after the connection was set, as `cancel` sets the flag before it looks for one.
        if self._cancelled.is_set():
            self._leave(connection)
            raise NetworkError("cancelled before the request was made")
        try:
            connection.transport.begin(events, self._cancelled)
            streamed = connection.speech.with_streaming_response
            opening = streamed.create(**self._arguments())
            answer = opening.__enter__()
        except Exception as error:
            self._leave(connection)
            raise self._fault(error) from error
        info = self._info(answer.headers)

        def close() -> None:
            with contextlib.suppress(Exception):  # a broken connection is closed already
                opening.__exit__(None, None, None)
            self._leave(connection)

        audio = self._audio(answer, info.content_type or "", connection.transport)
        return Response(info, audio, close)

    def cancel(self) -> None:
        """Stop soon; any thread. Other requests of the client continue."""
        self._cancelled.set()
        with self._lock:
            if self._connection is not None:
                self._connection.transport.interrupt()

    def _leave(self, connection: Connection) -> None:
        with self._lock:
            self._connection = None
        self._client.release(connection)

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

    def _info(self, headers: Mapping[str, str]) -> SourceInfo:
        """Return what the headers of an answer say."""
        content_type = headers.get("content-type")
        content_type = content_type and self._client.redactor.text(content_type)
        rate_hz = _bounded(headers.get("x-sample-rate"), _RATES_HZ)
        warnings: tuple[str, ...] = ()
        if self._overrides_rate and self._request.response_format == "pcm":
            match = _RATE.search(content_type or "")
            stated_hz = _bounded(match and match[1], _RATES_HZ) or rate_hz
            if stated_hz not in (None, self._pcm_rate_hz) and _is_raw(content_type):
                rates = f"{self._pcm_rate_hz} Hz, although the server states {stated_hz} Hz"
                warnings = (f"raw PCM is played at {rates}",)
            rate_hz, content_type = None, content_type and _RATE.sub("", content_type)
        framing = "content-length", "transfer-encoding", "content-encoding"
        is_events = (content_type or "").lower().startswith("text/event-stream")
        return SourceInfo(
            requested=self._request.response_format,
            content_type=content_type,
            rate_hz=rate_hz or self._pcm_rate_hz,
            channels=_bounded(headers.get("x-channels"), _CHANNELS),
            has_known_end=is_events or any(name in headers for name in framing),
            warnings=warnings,
            endpoint=self.label,
            is_mislabelled=self._is_mislabelled(content_type),
        )

    def _is_mislabelled(self, content_type: str | None) -> bool:
        """Return whether an earlier answer showed that this label means raw samples here."""
        if self._request.response_format != "pcm":
            return False
        name = re.split("[;,]", content_type or "")[0].strip().lower()
        if not name.startswith(("audio/", "application/ogg")) or name == "audio/pcm":
            return False
        from voicecli.sources.label_file import LabelFile  # noqa: PLC0415  few servers do this

        return name in LabelFile().get(self.label)

    def _audio(
        self, answer: Any, content_type: str, transport: RequestTransport
    ) -> Iterator[bytes]:
        audio = self._received(answer)
        is_raw = self._request.response_format == "pcm"
        is_events = content_type.lower().startswith("text/event-stream")
        if is_events:
            audio = _events_to_the_end(audio, transport)
        audio = audio_before_text(audio, is_raw=is_raw, is_text=_is_text(content_type))
        audio = filter(None, self._reporting_errors(audio))
        if is_events:
            audio = _without_click(audio, _CLICK_PCM_BYTES if is_raw else _CLICK_BYTES)
        return self._client.redactor.stream(audio)

    def _reporting_errors(self, audio: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from audio
        except BadResponse as error:
            raise self._fault(error) from error

    def _received(self, answer: Any) -> Iterator[bytes]:
        """Yield the body as it arrives: without a size, ``iter_raw`` holds nothing back."""
        http = answer.http_response
        received = 0
        try:
            for chunk in decompressed(http.iter_raw(), http.headers.get("content-encoding", "")):
                received += len(chunk)
                yield chunk
        except Exception as error:
            raise self._fault(error, received) from error

    def _fault(self, error: Exception, received: int | None = None) -> VoiceError:
        """Return our error for ``error``, without the key: what it quotes may repeat it."""
        fault = fault_of(error, self.label, received)
        self._client.redactor.hide_in(fault)
        return fault


def _without_click(chunks: Iterator[bytes], least_bytes: int) -> Iterator[bytes]:
    """Yield chunks, the first once ``least_bytes`` have arrived, or at the end.

    A fault before that drops them, so nothing is heard and the request can be made again.
    """
    held = b""
    try:
        for chunk in chunks:
            held += chunk
            if len(held) >= least_bytes:
                break
    except SourceError as error:
        error.retryable = error.retryable or bool(held)
        raise
    if held:
        yield held
    yield from chunks


def _events_to_the_end(chunks: Iterator[bytes], transport: RequestTransport) -> Iterator[bytes]:
    """Yield the audio of events, then read to the end of the body if that comes soon.

    A connection can be used again only after the end of the body.
    """
    yield from audio_of_events(chunks)
    limit = threading.Timer(_END_OF_BODY_S, transport.interrupt)
    limit.daemon = True
    start_thread(limit)
    with contextlib.suppress(VoiceError):
        for _ in itertools.islice(chunks, _MAX_CHUNKS_AFTER_END):
            pass
    limit.cancel()


def _is_text(content_type: str) -> bool:
    """Return whether this is the type of an error message, which the decoder will report."""
    content_type = content_type.lower()
    return content_type.startswith("text/") or "json" in content_type


def _is_raw(content_type: str | None) -> bool:
    """Return whether the type may be that of raw PCM: other formats have a rate of their own."""
    kind = re.split("[;,]", content_type or "")[0].strip().lower()
    raw = "audio/pcm", "audio/x-pcm", "audio/l16", "audio/x-raw", "application/octet-stream"
    return kind in ("", *raw)


def _bounded(text: str | None, sensible: range) -> int | None:
    """Return a header's number, such as ``16000`` or ``16000.0``; None if it makes no sense."""
    match = _NUMBER.fullmatch(text or "")
    return int(match[1]) if match and int(match[1]) in sensible else None
