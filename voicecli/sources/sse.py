"""Speech as server-sent events, requested by ``stream_format=sse``; pure.

The stream consists of lines (WHATWG HTML, 9.2.6): ``data:`` lines make up an event, an
empty line ends it. Each event's data is one JSON object: ``speech.audio.delta`` carries
base64 ``audio``, ``speech.audio.done`` is the end (OpenAI's API reference, "Speech audio
delta event").
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse, NetworkError
from voicecli.sanitize import clean
from voicecli.sources.http_errors import server_message

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Upper bound on an event; minutes of PCM fit in it."""

_END_MARKER = b"[DONE]"
"""The last event of servers that follow chat completions."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May precede the first field; anywhere else it makes the field unknown."""


class SpeechEvents:
    """Turns the bytes of an event stream into the bytes of the audio in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take bytes of any length and yield the audio of the events they complete.

        Exhaust it before the next call. Audio before a fault is yielded first.

        Raises:
            BadResponse: an event is not JSON, reports an error, or is too long.
        """
        self._line += chunk
        if b"\n" in chunk:  # searching only then keeps a line of many small chunks linear
            *lines, self._line = self._line.split(b"\n")
            for line in lines:
                if audio := self._take_line(bytes(line.removesuffix(b"\r"))):
                    yield audio
        if len(self._line) + self._data_bytes > MAX_EVENT_BYTES:
            raise BadResponse("the server sent an event too long to be speech")

    def flush(self) -> None:
        """Note the end of the stream.

        Raises:
            NetworkError: it ended before its last event.
        """
        if not self._ended:
            raise NetworkError(
                "the event stream ended before its last event",
                remedy="try again; if it happens every time, the server's log may say why",
            )

    def _take_line(self, line: bytes) -> bytes:
        """Take one line and return the audio of the event that it ends, if any."""
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
        shown = clean(data.decode("utf-8", errors="replace"), limit=300)
        raise BadResponse(f"the server sent an event that is not a JSON object: {shown}")
    return event


def _audio(event: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(event["audio"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise BadResponse("the server sent an audio event without audio") from error
