"""Speech from a websocket: a source for voicecli, chosen by ``ws://`` and ``wss://`` URLs."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from voicecli.errors import AuthError, BadResponse, NetworkError
from voicecli.sources.base import Response, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.endpoint import Endpoint
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents
    from voicecli.sources.registry import SourceContext

MAX_MESSAGE_BYTES = 4 * 1024 * 1024


def make_source(
    endpoint: Endpoint, request: SpeechRequest, shared: SourceContext
) -> WebSocketSource:
    """Make the source of one request; nothing is loaded or sent yet."""
    return WebSocketSource(endpoint, request, shared.connect_timeout_s)


class WebSocketSource:
    """Speaks one text. `open` may be called again after a failure: a retry."""

    sends_request = True

    def __init__(self, endpoint: Endpoint, request: SpeechRequest, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._request = request
        self._timeout_s = timeout_s
        self._is_cancelled = threading.Event()
        self._connection: Any = None

    @property
    def label(self) -> str:
        """What people and records see: no user, no password, no query."""
        return self._endpoint.label

    def prepare(self) -> None:
        """Load models or clients here, before the clock of the request starts."""

    def open(self, events: RequestEvents | None = None) -> Response:
        """Make the request, and return once the kind of answer is known."""
        request = self._request
        headers = {}
        if self._endpoint.key_variable is not None:  # a key that belongs to this server
            headers["Authorization"] = f"Bearer {self._endpoint.api_key}"
        try:
            self._connection = connect(
                self._endpoint.base_url,
                additional_headers=headers,
                open_timeout=self._timeout_s,
                close_timeout=1,
                max_size=MAX_MESSAGE_BYTES,
                legacy=True,
            )
            if events is not None:
                events.connected()
            asked = {"text": request.text, "voice": request.voice, "speed": request.speed}
            self._connection.send(json.dumps(asked))
            if events is not None:
                events.sent()
            form = self._message()
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                raise AuthError(f"{self.label} refuses the key ({status})") from error
            raise BadResponse(f"{self.label} refuses the request ({status})") from error
        except (OSError, WebSocketException) as error:
            raise self._lost(error) from error
        if not isinstance(form, dict) or not isinstance(form.get("rate"), int):
            raise BadResponse(f"{self.label} did not say the format of its sound")
        info = SourceInfo("pcm", "audio/pcm", form["rate"], form.get("channels", 1))
        return Response(info, self._sound(), self._close)

    def cancel(self) -> None:
        """Stop soon; any thread. Closing the connection wakes the thread that reads."""
        self._is_cancelled.set()
        self._close()

    def _sound(self) -> Iterator[bytes]:
        """Yield the sound as it arrives; raise if the end is missing."""
        try:
            while not isinstance(message := self._message(), dict):
                yield message
        except (OSError, WebSocketException) as error:
            if self._is_cancelled.is_set():
                return
            raise self._lost(error) from error
        if not message.get("done"):
            raise BadResponse(f"{self.label} reports: {message.get('error')}")

    def _message(self) -> bytes | dict[str, Any]:
        """Return the next message: sound, or an object."""
        message = self._connection.recv()
        if isinstance(message, bytes):
            return message
        try:
            parsed = json.loads(message)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise BadResponse(f"{self.label} sent text that is not a JSON object")
        if "error" in parsed:
            raise BadResponse(f"{self.label} reports: {parsed['error']}")
        return parsed

    def _lost(self, error: Exception) -> NetworkError:
        return NetworkError(f"{self.label}: {error}", retryable=True)

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
