"""Speech as server-sent events, requested by ``stream_format=sse``; pure.

The stream consists of lines (WHATWG HTML, 9.2.6) that end in CR LF, LF or CR: ``data:``
lines make up an event, an empty line ends it. Each event's data is one JSON object:
``speech.audio.delta`` carries base64 ``audio``, ``speech.audio.done`` is the end
(OpenAI's API reference, "Speech audio delta event").
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from voicecli.errors import BadResponse, NetworkError
from voicecli.sanitize import clean
from voicecli.sources.http_errors import server_message
from voicecli.sources.remedies import CHECK_BASE_URL, TRY_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Upper bound on an event: two minutes of PCM. Five times this may be in memory."""

_MAX_PARTS = 20_000
"""Most objects, arrays and values of an event: each takes up to a hundred times its bytes."""

_MAX_FIELD_BYTES = 32
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*[A-Za-z_-]*(?:[:\r\n]|\Z)")
"""How a stream of events begins, or as much of it as there is."""

_FAILURES = ("error", "failed")
"""How the kinds of events that report a failure end, such as ``response.failed``."""

_END_MARKER = b"[DONE]"
"""The last event of servers that follow chat completions."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""May precede the first field; anywhere else it makes the field unknown."""

_OTHER_API = "--base-url needs an API with OpenAI's /audio/speech"

_RUN = re.compile(rb"(?:[\w+/=-]|\\[/rn])+", re.ASCII)
"""Characters of base64 or hexadecimal. A run is never tried again from its middle, so that
crafted events cost no more than others."""

_MIN_ENCODED_BYTES = 400
"""A run of this length is data: too long for a word, a key or a signature."""

_SEARCH_BYTES = 16 * 1024
"""Bytes of an event that are searched for it."""

_SPEECH_EVENT = "speech.audio."

_URL_SAFE = str.maketrans("-_", "+/")


class SpeechEvents:
    """Turns the bytes of an event stream into the bytes of the audio in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data = bytearray()
        self._name = ""  # of the event
        self._after_cr = False
        self._is_speech = False
        self._other = ""  # kind of the first event with audio, or else of any, of another API
        self._other_has_audio = False
        self._reported: BadResponse | None = None
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
        """Note the end of the stream, which may lack the empty line after the last event.

        Raises:
            BadResponse: its events are those of another API.
            NetworkError: it ended before its last event.
        """
        if not self.ended:
            self.end_event()
        if self._other_has_audio or self.ended:
            self._check_api()
        if not self.ended:
            raise NetworkError(
                "the event stream ended before its last event",
                remedy=TRY_AGAIN,
            )

    def end_event(self) -> None:
        """End the bytes, maybe in the middle of an event; ignore one that cannot be read.

        Raises:
            BadResponse: the event reports an error.
        """
        with contextlib.suppress(BadResponse):
            self._take_line(bytes(self._line))
            self._take_line(b"")
        if self._reported is not None:
            raise self._reported

    def _take_line(self, line: bytes) -> bytes:
        """Take one line and return the audio of the event that it ends, if any."""
        if line:
            field, _, value = line.partition(b":")
            if field.removeprefix(_BYTE_ORDER_MARK) == b"data":
                self._data += value.removeprefix(b" ") + b"\n"
                self._check_length()
            elif field == b"event":
                self._name = value.strip().decode("ascii", "replace")
            return b""
        data, self._data = bytes(self._data[:-1]), bytearray()
        name, self._name = self._name, ""
        if data and name == "error":
            raise self._report(data)
        return self._take_event(data, name) if data else b""

    def _check_api(self) -> None:
        """Raise BadResponse if no event was of speech, and some were of another API."""
        if self._other and not self._is_speech:
            raise BadResponse(
                f"the server sent events of another API ({self._other}), not of speech",
                remedy=_OTHER_API,
            )

    def _note_other(self, data: bytes, kind: str) -> None:
        """Remember an event that is not of speech."""
        runs = _RUN.finditer(data[:_SEARCH_BYTES])
        has_audio = any(len(run[0]) >= _MIN_ENCODED_BYTES for run in runs)
        if not self._other or (has_audio and not self._other_has_audio):
            self._other, self._other_has_audio = clean(kind, limit=60), has_audio

    def _report(self, data: bytes) -> BadResponse:
        """Return, and remember, the error that an event reports, in the server's own words."""
        message = f"the server reports: {server_message(data)}"
        self._reported = BadResponse(message, remedy=TRY_AGAIN)
        return self._reported

    def _check_length(self) -> None:
        if len(self._line) + len(self._data) > MAX_EVENT_BYTES:
            raise BadResponse(
                "the server sent an event too long to be speech", remedy=CHECK_BASE_URL
            )

    def _take_event(self, data: bytes, name: str) -> bytes:
        """Return the audio of an event; its kind is in its data, or else its name."""
        if data.strip() == _END_MARKER:
            self.ended = True
            return b""
        event = event_object(data)
        if event is None:
            if name and not name.startswith(_SPEECH_EVENT):
                self._note_other(data, name)
                return b""  # something of the server's own, such as a ping
            shown = clean(data.decode("utf-8", errors="replace"), limit=300)
            message = f"the server sent an event that is not a JSON object: {shown}"
            raise BadResponse(message, remedy=TRY_AGAIN)
        kind = event.get("type") or name
        if kind == "speech.audio.delta":
            self._is_speech = True
            return _audio(event)
        if kind == "speech.audio.done":
            self._is_speech = self.ended = True
            return _audio(event) if event.get("audio") else b""
        if str(kind).endswith(_FAILURES) or event.get("error"):
            raise self._report(data)
        self._note_other(data, str(kind or event.get("object") or ", ".join(event)))
        return b""


def audio_of_events(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the audio of an event stream up to its last event, whatever follows.

    What does not begin as events is yielded as it is: some servers label all answers as
    events, audio and errors too.

    Raises:
        BadResponse: as `SpeechEvents.feed`.
        NetworkError: as `SpeechEvents.flush`, or the connection was cut.
    """
    events = SpeechEvents()
    chunks = iter(chunks)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _MAX_FIELD_BYTES or b":" in head:
            break
    if not _BEGINNING.match(head[:_MAX_FIELD_BYTES]):
        yield head
        yield from chunks
        return
    try:
        for chunk in itertools.chain((head,), chunks):
            yield from events.feed(chunk)
            if events.ended:
                break
    except NetworkError:
        events.end_event()  # servers that report an error often cut the connection
        raise
    events.flush()


def event_object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object that an event's data is; None if it is none, or of too many parts."""
    if sum(map(data.count, (b"{", b"[", b","))) > _MAX_PARTS:
        return None
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _audio(event: dict[str, Any]) -> bytes:
    """Decode base64, also with line breaks, in its URL-safe alphabet or without padding."""
    try:
        text = event["audio"]
        with contextlib.suppress(ValueError):
            return base64.b64decode(text, validate=True)
        text = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = "the server sent an audio event without audio"
        raise BadResponse(message, remedy=TRY_AGAIN) from error
