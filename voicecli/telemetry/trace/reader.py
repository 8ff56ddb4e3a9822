"""Read traces, checking everything: the file may come from anywhere."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Any

from voicecli.errors import ConfigError
from voicecli.sanitize import clean
from voicecli.telemetry.trace import lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longest line: a chunk of 16 MiB, the longest a source yields, fits as base64."""

MAX_BYTES = 512 * 1024 * 1024
"""Longest file: an hour and a half of PCM with audio."""

MAX_LINES = 2_000_000
"""Most lines: each is kept, and takes more memory than in the file."""

MAX_MS = 1e8
"""Latest time: somewhat more than a day."""

MAX_FRAMES = 1 << 23
"""Longest decoded block."""

_MAX_RATE_HZ = (1 << 32) - 1
_MAX_CHANNELS = (1 << 16) - 1
"""The limits of a WAV header."""


def read_trace(path: Path) -> lines.Trace:
    """Read a trace from a file. Its texts are cleaned for a terminal.

    Raises:
        ConfigError: it cannot be read, or is not a valid trace; the message has the line.
    """
    parser = _Parser()
    try:
        for fields in _objects(path):
            parser.feed(fields)
    except _InvalidLine as error:
        raise ConfigError(f"{path}, line {parser.count + 1}: {error}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    if parser.header is None:
        raise ConfigError(f"{path} contains no trace")
    return lines.Trace(parser.header, tuple(parser.lines), parser.end)


class _InvalidLine(ValueError):
    """What is wrong with the next line."""


class _Parser:
    """Checks lines and collects them; ``count`` includes the header."""

    def __init__(self) -> None:
        self.count = 0
        self.header: lines.Header | None = None
        self.lines: list[lines.Line] = []
        self.end: lines.End | None = None
        self._latest_ms = {True: 0.0, False: 0.0}
        self._is_answered = self._has_all = False

    def feed(self, fields: _Fields) -> None:
        """Add the next line."""
        if self.count == MAX_LINES:
            raise _InvalidLine("there are too many lines")
        if self.end is not None:
            raise _InvalidLine("follows the end")
        if self.header is None:
            self.header = _header(fields)
        elif "end" in fields.values:
            self.end = _end(fields)
        else:
            self._add(_line(fields, has_audio=self.header.has_audio))
        self.count += 1

    def _add(self, line: lines.Line) -> None:
        """Add a line, if it is in order among those of the same thread."""
        of_decoder = isinstance(line, lines.Recognised | lines.Decoded)
        if line.ms < self._latest_ms[of_decoder]:
            raise _InvalidLine(f'"ms" goes back to {line.ms:g}')
        self._latest_ms[of_decoder] = line.ms
        if not of_decoder:
            if self._has_all:
                raise _InvalidLine("comes after all was received")
            self._is_answered |= isinstance(line, lines.Answer)
            self._has_all = isinstance(line, lines.Event) and line.name == lines.RECEIVED_ALL
            if not self._is_answered and (self._has_all or isinstance(line, lines.Chunk)):
                raise _InvalidLine("comes before the answer")
        self.lines.append(line)


def _objects(path: Path) -> Iterator[_Fields]:
    """Yield the objects of a file's lines, without an incomplete last one."""
    length = 0
    with path.open("rb") as file:
        while (line := file.readline(MAX_LINE_BYTES + 1)).endswith(b"\n"):
            length += len(line)
            if length > MAX_BYTES:
                raise _InvalidLine("the file is too long")
            try:
                found = json.loads(line.decode("utf-8"), parse_constant=_reject_constant)
            except (ValueError, RecursionError):
                found = None
            if not isinstance(found, dict):
                raise _InvalidLine("is not a JSON object")
            yield _Fields(found)
    if len(line) > MAX_LINE_BYTES:
        raise _InvalidLine("is too long")


def _reject_constant(constant: str) -> Any:
    """Reject NaN and the infinities, which Python accepts and JSON does not have."""
    raise ValueError(constant)


class _Fields:
    """The object of one line; its values are checked when they are read."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def ms(self, name: str = "ms") -> float:
        """Return a time."""
        value = self.values.get(name)
        if not (isinstance(value, int | float) and not isinstance(value, bool)):
            raise _InvalidLine(f'"{name}" is not a number')
        if not 0 <= value <= MAX_MS:  # nan as well
            raise _InvalidLine(f'"{name}" is not a valid time')
        return float(value)

    def count(self, name: str, most: int) -> int:
        """Return an integer from 1 to ``most``."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise _InvalidLine(f'"{name}" is not an integer from 1 to {most}')
        return value

    def text(self, name: str) -> str:
        """Return a text, cleaned."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise _InvalidLine(f'"{name}" is not a text')
        return clean(value)

    def optional_count(self, name: str, most: int) -> int | None:
        """Return a count, or None."""
        return None if self.values.get(name) is None else self.count(name, most)

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        return None if self.values.get(name) is None else self.text(name)


def _header(fields: _Fields) -> lines.Header:
    if fields.values.get("schema") != lines.SCHEMA:
        raise _InvalidLine(f'"schema" is not {lines.SCHEMA}')
    started, has_audio = fields.text("started"), fields.values.get("audio")
    try:
        is_utc = datetime.fromisoformat(started).tzinfo is not None
    except ValueError:
        is_utc = False
    if not is_utc:
        raise _InvalidLine('"started" is not a time with a time zone')
    if not isinstance(has_audio, bool):
        raise _InvalidLine('"audio" is neither true nor false')
    return lines.Header(
        run_id=fields.text("run_id"),
        started=started,
        endpoint=fields.text("endpoint"),
        model=fields.optional_text("model"),
        voice=fields.optional_text("voice"),
        format=fields.optional_text("format"),
        has_audio=has_audio,
    )


def _line(fields: _Fields, *, has_audio: bool) -> lines.Line:
    ms = fields.ms()
    if "bytes" in fields.values:
        size = fields.count("bytes", MAX_LINE_BYTES)
        return lines.Chunk(ms, size, _audio(fields, size) if has_audio else None)
    if "decoded_frames" in fields.values:
        onset_ms = None if fields.values.get("onset_ms") is None else fields.ms("onset_ms")
        frames = fields.count("decoded_frames", MAX_FRAMES)
        return lines.Decoded(ms, frames, fields.count("rate_hz", _MAX_RATE_HZ), onset_ms)
    event = fields.text("event") if "event" in fields.values else None
    if event in lines.EVENTS:
        return lines.Event(ms, event)
    if event == "answered":
        return lines.Answer(
            ms,
            requested=fields.optional_text("requested"),
            content_type=fields.optional_text("content_type"),
            rate_hz=fields.optional_count("rate_hz", _MAX_RATE_HZ),
            channels=fields.optional_count("channels", _MAX_CHANNELS),
        )
    if event == "recognised":
        return lines.Recognised(
            ms,
            format=fields.text("format"),
            rate_hz=fields.count("rate_hz", _MAX_RATE_HZ),
            channels=fields.count("channels", _MAX_CHANNELS),
        )
    raise _InvalidLine("is not a line of a trace")


def _audio(fields: _Fields, size: int) -> bytes:
    try:
        audio = b64decode(fields.values["audio"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise _InvalidLine('"audio" is not base64') from error
    if len(audio) != size:
        raise _InvalidLine(f'"audio" is {len(audio)} bytes, not {size}')
    return audio


def _end(fields: _Fields) -> lines.End:
    ms, how = fields.ms(), fields.values["end"]
    if how in (lines.WHOLE, lines.INTERRUPTED):
        return lines.End(ms, how)
    error = fields.values.get("error")
    if how != lines.FAILED or not isinstance(error, dict):
        raise _InvalidLine('"end" is not a known ending')
    fault = _Fields(error)
    return lines.End(
        ms,
        lines.FAILED,
        lines.Fault(fault.text("code"), fault.text("message"), fault.optional_text("remedy")),
    )
