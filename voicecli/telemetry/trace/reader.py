"""Reading traces: files from anywhere, of which nothing is believed unseen."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Any

from voicecli.errors import ConfigError
from voicecli.sanitize import clean
from voicecli.telemetry.trace.lines import (
    EVENTS,
    FAILED,
    INTERRUPTED,
    RECEIVED_ALL,
    SCHEMA,
    WHOLE,
    Answer,
    Chunk,
    Decoded,
    End,
    Event,
    Fault,
    Header,
    Recognised,
    Trace,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from voicecli.telemetry.trace.lines import Line

MOST_LINE_BYTES = 32 * 1024 * 1024
"""Longest line; the longest chunk of a source, an event of 16 MiB, fits as base64."""

MOST_BYTES = 512 * 1024 * 1024
"""Longest file: an hour and a half of PCM with its audio."""

MOST_LINES = 2_000_000
"""Most lines; each is kept, and takes more room than in the file."""

MOST_MS = 1e8
"""Latest time, a day and some hours."""

MOST_FRAMES = 1 << 23
"""Longest block that was decoded at once."""

_MOST_RATE_HZ = (1 << 32) - 1
_MOST_CHANNELS = (1 << 16) - 1
"""What a WAV header can say."""


def read_trace(path: Path) -> Trace:
    """The trace in a file. What texts it holds are cleaned for a terminal.

    Raises:
        ConfigError: it cannot be read, or is no trace; the message says in which line.
    """
    draft = _Draft()
    try:
        for fields in _objects(path):
            draft.take(fields)
    except _Wrong as wrong:
        raise ConfigError(f"{path}, line {draft.taken + 1}: {wrong}") from wrong
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    if draft.header is None:
        raise ConfigError(f"{path} holds no trace")
    return Trace(draft.header, tuple(draft.lines), draft.end)


class _Wrong(ValueError):
    """What is wrong with the line after those that were taken."""


class _Draft:
    """A trace that is being read; ``taken`` counts its lines, from the header on."""

    def __init__(self) -> None:
        self.taken = 0
        self.header: Header | None = None
        self.lines: list[Line] = []
        self.end: End | None = None
        self._latest_ms = {True: 0.0, False: 0.0}
        self._is_answered = self._has_all = False

    def take(self, fields: _Fields) -> None:
        """The next line."""
        if self.taken == MOST_LINES:
            raise _Wrong("there are too many lines")
        if self.end is not None:
            raise _Wrong("follows the end")
        if self.header is None:
            self.header = _header(fields)
        elif "end" in fields.has:
            self.end = _end(fields)
        else:
            self._add(_line(fields, has_audio=self.header.has_audio))
        self.taken += 1

    def _add(self, line: Line) -> None:
        """Keep a line that is in order among those of the same thread."""
        of_decoder = isinstance(line, Recognised | Decoded)
        if line.ms < self._latest_ms[of_decoder]:
            raise _Wrong(f'"ms" goes back to {line.ms:g}')
        self._latest_ms[of_decoder] = line.ms
        if not of_decoder:
            if self._has_all:
                raise _Wrong("comes after all was received")
            self._is_answered |= isinstance(line, Answer)
            self._has_all = isinstance(line, Event) and line.name == RECEIVED_ALL
            if not self._is_answered and (self._has_all or isinstance(line, Chunk)):
                raise _Wrong("comes before the answer")
        self.lines.append(line)


def _objects(path: Path) -> Iterator[_Fields]:
    """The objects of a file's lines; half a line at the end is none."""
    length = 0
    with path.open("rb") as file:
        while (line := file.readline(MOST_LINE_BYTES + 1)).endswith(b"\n"):
            length += len(line)
            if length > MOST_BYTES:
                raise _Wrong("the file is too long")
            try:
                found = json.loads(line.decode("utf-8"), parse_constant=_no_json)
            except (ValueError, RecursionError):
                found = None
            if not isinstance(found, dict):
                raise _Wrong("is no JSON object")
            yield _Fields(found)
    if len(line) > MOST_LINE_BYTES:
        raise _Wrong("is too long")


def _no_json(constant: str) -> Any:
    """Refuse NaN and the infinities, which Python knows and JSON does not."""
    raise ValueError(constant)


class _Fields:
    """One line's object; its values are checked as they are asked for."""

    def __init__(self, has: dict[str, Any]) -> None:
        self.has = has

    def ms(self, name: str = "ms") -> float:
        """A time."""
        value = self.has.get(name)
        if not (isinstance(value, int | float) and not isinstance(value, bool)):
            raise _Wrong(f'"{name}" is no number')
        if not 0 <= value <= MOST_MS:  # nan as well
            raise _Wrong(f'"{name}" is no time')
        return float(value)

    def count(self, name: str, most: int) -> int:
        """A whole number from 1 on."""
        value = self.has.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise _Wrong(f'"{name}" is no number from 1 to {most}')
        return value

    def text(self, name: str) -> str:
        """A text, one line of it."""
        value = self.has.get(name)
        if not isinstance(value, str):
            raise _Wrong(f'"{name}" is no text')
        return clean(value)

    def some_count(self, name: str, most: int) -> int | None:
        """A count, or nothing."""
        return None if self.has.get(name) is None else self.count(name, most)

    def some_text(self, name: str) -> str | None:
        """A text, or nothing."""
        return None if self.has.get(name) is None else self.text(name)


def _header(fields: _Fields) -> Header:
    if fields.has.get("schema") != SCHEMA:
        raise _Wrong(f'"schema" is not {SCHEMA}')
    started, has_audio = fields.text("started"), fields.has.get("audio")
    try:
        is_utc = datetime.fromisoformat(started).tzinfo is not None
    except ValueError:
        is_utc = False
    if not is_utc:
        raise _Wrong('"started" is no time with a time zone')
    if not isinstance(has_audio, bool):
        raise _Wrong('"audio" is neither true nor false')
    return Header(
        run_id=fields.text("run_id"),
        started=started,
        endpoint=fields.text("endpoint"),
        model=fields.some_text("model"),
        voice=fields.some_text("voice"),
        format=fields.some_text("format"),
        has_audio=has_audio,
    )


def _line(fields: _Fields, *, has_audio: bool) -> Line:
    ms = fields.ms()
    if "bytes" in fields.has:
        size = fields.count("bytes", MOST_LINE_BYTES)
        return Chunk(ms, size, _audio(fields, size) if has_audio else None)
    if "decoded_frames" in fields.has:
        onset_ms = None if fields.has.get("onset_ms") is None else fields.ms("onset_ms")
        frames = fields.count("decoded_frames", MOST_FRAMES)
        return Decoded(ms, frames, fields.count("rate_hz", _MOST_RATE_HZ), onset_ms)
    event = fields.text("event") if "event" in fields.has else None
    if event in EVENTS:
        return Event(ms, event)
    if event == "answered":
        return Answer(
            ms,
            requested=fields.some_text("requested"),
            content_type=fields.some_text("content_type"),
            rate_hz=fields.some_count("rate_hz", _MOST_RATE_HZ),
            channels=fields.some_count("channels", _MOST_CHANNELS),
        )
    if event == "recognised":
        return Recognised(
            ms,
            format=fields.text("format"),
            rate_hz=fields.count("rate_hz", _MOST_RATE_HZ),
            channels=fields.count("channels", _MOST_CHANNELS),
        )
    raise _Wrong("is none of the lines of a trace")


def _audio(fields: _Fields, size: int) -> bytes:
    try:
        audio = b64decode(fields.has["audio"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise _Wrong('"audio" is no base64') from error
    if len(audio) != size:
        raise _Wrong(f'"audio" is {len(audio)} bytes, not {size}')
    return audio


def _end(fields: _Fields) -> End:
    ms, how = fields.ms(), fields.has["end"]
    if how in (WHOLE, INTERRUPTED):
        return End(ms, how)
    error = fields.has.get("error")
    if how != FAILED or not isinstance(error, dict):
        raise _Wrong('"end" is no way to end')
    told = _Fields(error)
    return End(ms, FAILED, Fault(told.text("code"), told.text("message"), told.some_text("remedy")))
