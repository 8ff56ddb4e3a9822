"""Speech as server-sent events, as ``stream_format=sse`` asks for; pure.

The stream is lines (WHATWG HTML, 9.2.6): ``data:`` lines make up an event, an
empty line ends it. Each event's data is one JSON object: ``speech.audio.delta``
carries base64 ``audio``, ``speech.audio.done`` is the end (OpenAI's API
reference, "Speech audio delta event").
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse, NetworkError
from voicecli.sanitize import clean
from voicecli.sources.statuses import server_message

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event longer than this is no speech: minutes of PCM fit in it."""

_END_MARKER = b"[DONE]"
"""What servers that think of chat completions send last."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May stand at the very beginning; anywhere else it makes an unknown field's name."""


class SpeechEvents:
    """Turns the bytes of an event stream into the bytes of the audio in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take bytes of any length, yield the audio of the events they complete.

        To be exhausted before the next call. Audio that came before a fault is
        yielded before that is raised.

        Raises:
            BadResponse: an event is no JSON, tells an error, or is absurdly long.
        """
        self._line += chunk
        if b"\n" in chunk:  # looking only then keeps a line that arrives in crumbs linear
            *lines, self._line = self._line.split(b"\n")
            for line in lines:
                if audio := self._take_line(bytes(line.removesuffix(b"\r"))):
                    yield audio
        if len(self._line) + self._data_bytes > MAX_EVENT_BYTES:
            raise BadResponse("the server sent an event too long to be speech")

    def flush(self) -> None:
        """Say that the stream has ended.

        Raises:
            NetworkError: it ended before the event that announces its end.
        """
        if not self._ended:
            raise NetworkError(
                "the event stream ended before its last event",
                remedy="say it again; if it happens every time, the server's log may tell why",
            )

    def _take_line(self, line: bytes) -> bytes:
        """Take one line; the audio of the event that it ends, empty where there is none."""
        if line:
            field, _, value = line.partition(b":")
            if field.removeprefix(_BYTE_ORDER_MARK) == b"data":
                self._data.append(value.removeprefix(b" "))
                self._data_bytes += len(value)
            return b""
        data, self._data, self._data_bytes = b"\n".join(self._data), [], 0
        return self._take_event(data) if data else b""

    def _take_event(self, data: bytes) -> bytes:
        if data.strip() == _END_MARKER:
            self._ended = True
            return b""
        event = _parsed(data)
        kind = event.get("type")
        if kind == "speech.audio.delta":
            return _audio(event)
        if kind == "speech.audio.done":
            self._ended = True
        elif kind == "error" or "error" in event:
            raise BadResponse(f"the server reports: {server_message(data)}")
        return b""


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        said = clean(data.decode("utf-8", errors="replace"), limit=300)
        raise BadResponse(f"the server sent an event that is no JSON object: {said}")
    return event


def _audio(event: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(event["audio"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise BadResponse("the server sent an audio event without audio") from error
