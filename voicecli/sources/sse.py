"""Speech as server-sent events, as ``stream_format=sse`` asks for; pure.

The stream is lines (WHATWG HTML, 9.2.6): ``data:`` lines make up an event, an
empty line ends it. Each event's data is one JSON object: ``speech.audio.delta``
carries base64 ``audio``, ``speech.audio.done`` is the end (OpenAI's API
reference, "Speech audio delta event").
"""

from __future__ import annotations

import base64
import binascii
import json

from voicecli.display import clean
from voicecli.errors import BadResponse, NetworkError

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event longer than this is no speech: minutes of PCM fit in it."""

_END_MARKER = b"[DONE]"


class SpeechEvents:
    """Turns the bytes of an event stream into the bytes of the audio in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._ended = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take bytes of any length, return the audio of the events they complete.

        Raises:
            BadResponse: an event is no JSON, tells an error, or is absurdly long.
        """
        audio: list[bytes] = []
        self._line += chunk
        if b"\n" in chunk:  # looking only then keeps a line that arrives in crumbs linear
            *lines, rest = self._line.split(b"\n")
            self._line = rest
            for line in lines:
                audio += self._take_line(bytes(line.removesuffix(b"\r")))
        if len(self._line) + self._data_bytes > MAX_EVENT_BYTES:
            raise BadResponse("the server sent an event too long to be speech")
        return audio

    def flush(self) -> None:
        """Say that the stream has ended.

        Raises:
            NetworkError: it ended before the event that announces its end.
        """
        if not self._ended:
            raise NetworkError("the event stream ended before it was done")

    def _take_line(self, line: bytes) -> list[bytes]:
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
                self._data_bytes += len(value)
            return []
        data, self._data, self._data_bytes = b"\n".join(self._data), [], 0
        return self._take_event(data) if data else []

    def _take_event(self, data: bytes) -> list[bytes]:
        if data.strip() == _END_MARKER:
            self._ended = True
            return []
        try:
            event = json.loads(data)
            kind = event.get("type")
        except (ValueError, AttributeError) as error:
            raise BadResponse(
                f"the server sent an event that is no JSON object: {_excerpt(data)}"
            ) from error
        if kind == "speech.audio.delta":
            try:
                return [base64.b64decode(event["audio"], validate=True)]
            except (KeyError, TypeError, binascii.Error, ValueError) as error:
                raise BadResponse("the server sent an audio event without audio") from error
        if kind == "speech.audio.done":
            self._ended = True
        elif kind == "error" or "error" in event:
            raise BadResponse(f"the server reports: {_excerpt(data)}")
        return []


def _excerpt(data: bytes) -> str:
    return clean(data.decode("utf-8", errors="replace"), limit=300)
