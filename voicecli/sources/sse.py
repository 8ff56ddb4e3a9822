"""Speech as server-sent events, requested by ``stream_format=sse``; pure.

The stream consists of lines (WHATWG HTML, 9.2.6) that end in CR LF, LF or CR: ``data:``
lines make up an event, an empty line ends it. Each event's data is one JSON object:
``speech.audio.delta`` carries base64 ``audio``, ``speech.audio.done`` is the end
(OpenAI's API reference, "Speech audio delta event").
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse, NetworkError
from voicecli.sanitize import clean
from voicecli.sources.http_errors import server_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Upper bound on an event: two minutes of PCM. Five times this may be in memory."""

_END_MARKER = b"[DONE]"
"""The last event of servers that follow chat completions."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May precede the first field; anywhere else it makes the field unknown."""

_MIN_SAMPLES_BYTES = 4
"""Less than this before an error is white space or a byte order mark."""

_MAX_MESSAGE_BYTES = 4096

_ERROR_MARKERS = [
    line + start
    for line in (b"event: error\ndata: ", b"data: ", b"data:", b"")
    for start in (b'{"error"', b'{"detail"', b'{"type": "error"', b'{"type":"error"')
]
"""How an error begins behind samples. They fix 64 bits, so no samples look like this."""

_ERROR = re.compile(b"|".join(map(re.escape, _ERROR_MARKERS)))
_MAX_MARKER_BYTES = max(map(len, _ERROR_MARKERS))


class SpeechEvents:
    """Turns the bytes of an event stream into the bytes of the audio in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data = bytearray()
        self._is_error = False  # by the event's name
        self._after_cr = False
        self.ended = False
        """Whether the last event has arrived: the connection may stay open after it."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take bytes of any length and yield the audio of the events they complete.

        Exhaust it before the next call. Audio before a fault is yielded first. What
        follows the last event is not read.

        Raises:
            BadResponse: an event is not JSON, reports an error, or is too long.
        """
        if not chunk or self.ended:
            return
        after_cr, self._after_cr = self._after_cr, chunk.endswith(b"\r")
        if after_cr:
            chunk = chunk.removeprefix(b"\n")  # the second half of a CR LF
        self._line += chunk
        if b"\n" in chunk or b"\r" in chunk:  # keeps a line of many small chunks linear
            lines = self._line.splitlines()
            self._line = bytearray() if chunk.endswith((b"\n", b"\r")) else lines.pop()
            for line in lines:
                if audio := self._take_line(bytes(line)):
                    yield audio
                if self.ended:
                    return
        self._check_length()

    def flush(self) -> None:
        """Note the end of the stream.

        Raises:
            NetworkError: it ended before its last event.
        """
        if not self.ended:
            raise NetworkError(
                "the event stream ended before its last event",
                remedy="try again; if it happens every time, the server's log may say why",
            )

    def _take_line(self, line: bytes) -> bytes:
        """Take one line and return the audio of the event that it ends, if any."""
        if line:
            field, _, value = line.partition(b":")
            if field.removeprefix(_BYTE_ORDER_MARK) == b"data":
                self._data += value.removeprefix(b" ") + b"\n"
                self._check_length()
            elif field == b"event":
                self._is_error = value.strip() == b"error"
            return b""
        data, self._data = bytes(self._data[:-1]), bytearray()
        is_error, self._is_error = self._is_error, False
        if data and is_error:
            raise BadResponse(f"the server reports: {server_message(data)}")
        return self._take_event(data) if data else b""

    def _check_length(self) -> None:
        if len(self._line) + len(self._data) > MAX_EVENT_BYTES:
            raise BadResponse("the server sent an event too long to be speech")

    def _take_event(self, data: bytes) -> bytes:
        if data.strip() == _END_MARKER:
            self.ended = True
            return b""
        event = _parsed(data)
        kind = event.get("type")
        if kind == "speech.audio.delta":
            return _audio(event)
        if kind == "speech.audio.done":
            self.ended = True
        elif kind == "error" or "error" in event:
            raise BadResponse(f"the server reports: {server_message(data)}")
        return b""


def audio_of_events(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the audio of an event stream up to its last event, whatever follows.

    Raises:
        BadResponse: as `SpeechEvents.feed`.
        NetworkError: as `SpeechEvents.flush`.
    """
    events = SpeechEvents()
    for chunk in chunks:
        yield from events.feed(chunk)
        if events.ended:
            return
    events.flush()


def audio_before_error(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield raw samples, in pieces that may be empty, up to an error message behind them.

    A message at the very beginning is yielded: the decoder reports answers in text.

    Raises:
        BadResponse: with the server's message.
    """
    held, yielded = b"", 0
    for chunk in chunks:
        data = held + chunk
        is_suspect = b'"error"' in data or b'"detail"' in data  # much faster than the pattern
        match = _ERROR.search(data) if is_suspect else None
        if match and yielded + match.start() < _MIN_SAMPLES_BYTES:
            yield data
            yield from chunks
            return
        if match:
            yield data[: match.start()]
            message = data[data.index(b"{", match.start()) :]
            for more in chunks:
                message += more
                if len(message) > _MAX_MESSAGE_BYTES:
                    break
            raise BadResponse(f"the server reports: {server_message(message)}")
        split = _start_of_error(data)
        held, data = data[split:], data[:split]
        yielded += len(data)
        yield data
    yield held


def _start_of_error(data: bytes) -> int:
    """Return where the last bytes begin that might turn out to be `_ERROR`, else the end."""
    for start in range(max(0, len(data) - _MAX_MARKER_BYTES + 1), len(data)):
        if data[start] in b"ed{" and any(m.startswith(data[start:]) for m in _ERROR_MARKERS):
            return start
    return len(data)


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
