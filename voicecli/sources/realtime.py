"""Speech from OpenAI's Realtime API, and from servers that speak it.

The API is made for conversations. It reads a text aloud if instructed to, but may change the
words, so its transcript is compared with the text once the answer has arrived: `Response.report`.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from voicecli.errors import NetworkError, VoiceError, WordsDiffer
from voicecli.sources.base import AnswerReport, Response, SourceInfo
from voicecli.sources.realtime_cost import usage_of
from voicecli.sources.realtime_events import MAX_SPEED, MIN_SPEED, RATE_HZ, VoiceSettings
from voicecli.text.wording import difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents
    from voicecli.sources.realtime_call import RealtimeCall
    from voicecli.sources.realtime_client import RealtimeClient
    from voicecli.sources.realtime_session import RealtimeSession


class RealtimeSource:
    """Speaks one request, as 24 kHz mono s16le PCM, whatever format is asked for.

    ``is_strict`` makes it an error if the model changes the words of the text.
    ``warnings`` are added to those of the answer.
    """

    sends_request = True

    def __init__(
        self,
        client: RealtimeClient,
        request: SpeechRequest,
        *,
        is_strict: bool = False,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._request = request
        self._is_strict = is_strict
        self._warnings = [*warnings]
        speed = request.speed
        if speed is not None and not MIN_SPEED <= speed <= MAX_SPEED:
            speed = min(max(speed, MIN_SPEED), MAX_SPEED)
            self._warnings.append(
                f"the Realtime API speaks at {MIN_SPEED:g} to {MAX_SPEED:g} times the normal speed"
            )
        self._settings = VoiceSettings(request.model, request.voice, speed)
        self._lock = threading.Lock()
        self._current: tuple[RealtimeSession, RealtimeCall] | None = None  # under the lock
        self._is_cancelled = False

    @property
    def label(self) -> str:
        """The endpoint's URL."""
        return self._client.server.base_url

    def prepare(self) -> None:
        """Import the SDK."""
        self._client.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Send the request, connecting first if need be, and wait until the server takes it."""
        session = self._client.session(self._settings)
        was_connected = session.is_connected
        with self._lock:
            if self._is_cancelled:
                raise NetworkError("cancelled before the request was made")
            call = session.start(self._request)
            self._current = session, call
        call.wait_until_sent()
        if events is not None and call.is_sent:
            if not was_connected:
                events.connected()
            events.sent()
        with self._hiding_key():
            call.wait_until_begun()
        info = SourceInfo(
            requested="pcm",
            content_type=f"audio/pcm;rate={RATE_HZ};channels=1",
            rate_hz=RATE_HZ,
            channels=1,
            warnings=tuple(self._warnings),
        )
        return Response(
            info,
            self._audio(call),
            lambda: session.cancel(call),  # the caller stopped reading the answer
            report=lambda: self._report(call),
        )

    def cancel(self) -> None:
        """Stop soon; any thread. Other requests of the session continue."""
        with self._lock:
            self._is_cancelled = True
            current = self._current
        if current is not None:
            session, call = current
            session.cancel(call)

    def _audio(self, call: RealtimeCall) -> Iterator[bytes]:
        with self._hiding_key():
            yield from self._client.redactor.stream(call.audio())
        if self._is_strict and call.answer.response is not None and not call.is_cancelled:
            self._check_words(call)

    def _check_words(self, call: RealtimeCall) -> None:
        said = call.answer.said
        if said is None:
            raise WordsDiffer("the server does not say what it said, so it cannot be compared")
        if difference(self._request.text, said) and (
            found := difference(self._request.text, self._client.redactor.text(said))
        ):
            raise WordsDiffer(
                f'the model said "{found.said}" instead of "{found.asked}"',
                remedy="try again, or leave out --strict-words",
            )

    def _report(self, call: RealtimeCall) -> AnswerReport | None:
        if call.answer.response is None:
            return None
        usage = usage_of(call.answer.response, self._request.model)
        said = call.answer.said
        if call.error is not None or said is None or not difference(self._request.text, said):
            return AnswerReport(usage=usage)
        return AnswerReport(self._client.redactor.text(said), is_reworded=True, usage=usage)

    @contextlib.contextmanager
    def _hiding_key(self) -> Iterator[None]:
        try:
            yield
        except VoiceError as error:  # it may quote what the server sent
            self._client.redactor.hide_in(error)
            raise
