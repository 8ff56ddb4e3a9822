"""Arrival traces: what came of one request, and when, as JSON lines.

Schema ``voicecli.trace/1``, in UTF-8. The first line says what was asked for,
the last how it ended, those between what happened, in ms since t0::

    {"schema": "voicecli.trace/1", "run_id": "5f0c2a…", "started": "2026-11-20T14:03:09.120Z",
     "endpoint": "http://localhost:8880/v1", "model": "kokoro", "voice": "af_bella",
     "format": "opus", "audio": false}
    {"ms": 0.9, "event": "connected"}            also request_sent, retrying, received_all
    {"ms": 31.2, "event": "answered", "requested": "opus", "content_type": "audio/ogg",
     "rate_hz": null, "channels": null}
    {"ms": 203.1, "bytes": 1024}                 with "audio" true, also "audio": base64
    {"ms": 204.0, "event": "recognised", "format": "opus", "rate_hz": 48000, "channels": 1}
    {"ms": 204.0, "decoded_frames": 960, "rate_hz": 48000}
    {"ms": 5312.4, "end": "whole"}               or interrupted; or failed, with "error":
                                                 {"code": …, "message": …, "remedy": …}

Each object is one line. The decoded line in which speech began has
``onset_ms``, the silence in front of it. Lines of the network and lines of the
decoder come from two threads: times ascend among each, not among all. Without
its last line, or with half of it, a trace is one that was cut short.
No text, no key. Keys may be added; readers pass over those they do not know.
"""

from __future__ import annotations

import dataclasses
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, get_args

from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    CorruptStream,
    DecodeError,
    DeviceError,
    NetworkError,
    NothingToSay,
    RateLimited,
    SourceError,
    SourceTimeout,
    TruncatedStream,
    UnsupportedFormat,
    VoiceError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "voicecli.trace/1"

RECEIVED_ALL = "received_all"
REQUEST_SENT = "request_sent"
EVENTS = ("connected", REQUEST_SENT, "retrying", RECEIVED_ALL)
"""Events of the network that carry nothing but their time."""

WHOLE, FAILED, INTERRUPTED = "whole", "failed", "interrupted"

_FAULTS: dict[str, type[VoiceError]] = {
    error.code: error
    for error in (
        AuthError,
        BadResponse,
        ConfigError,
        CorruptStream,
        DecodeError,
        DeviceError,
        NetworkError,
        NothingToSay,
        RateLimited,
        SourceError,
        SourceTimeout,
        TruncatedStream,
        UnsupportedFormat,
    )
}


class Event(NamedTuple):
    """One of `EVENTS`, ``ms`` after t0."""

    ms: float
    name: str


class Answer(NamedTuple):
    """What the source knew of its bytes once it was answered; None is not said."""

    ms: float
    requested: str | None = None
    content_type: str | None = None
    rate_hz: int | None = None
    channels: int | None = None


class Chunk(NamedTuple):
    """So many bytes arrived; ``audio`` is what they were, where the trace holds that."""

    ms: float
    size: int
    audio: bytes | None = None


class Recognised(NamedTuple):
    """The bytes turned out to be of this format, and so are their samples."""

    ms: float
    format: str
    rate_hz: int
    channels: int


class Decoded(NamedTuple):
    """So many frames became playable; ``onset_ms`` is the silence in front of all speech."""

    ms: float
    frames: int
    rate_hz: int
    onset_ms: float | None = None


class Fault(NamedTuple):
    """An error, as a line tells it."""

    code: str
    message: str
    remedy: str | None = None

    def error(self) -> VoiceError:
        """The same again; of an unknown code, a `SourceError`."""
        return _FAULTS.get(self.code, SourceError)(self.message, remedy=self.remedy)


class End(NamedTuple):
    """How a run ended: `WHOLE`, `FAILED` (at the time of the ``fault``), or `INTERRUPTED`."""

    ms: float
    how: str
    fault: Fault | None = None


OfSource: TypeAlias = Event | Answer | Chunk
OfDecoder: TypeAlias = Recognised | Decoded
Line: TypeAlias = OfSource | OfDecoder


@dataclass(frozen=True, slots=True)
class Header:
    """What was asked for, when (ISO 8601, UTC), of whom (its label)."""

    run_id: str
    started: str
    endpoint: str
    model: str | None = None
    voice: str | None = None
    format: str | None = None
    has_audio: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace, its ``lines`` in the order of the file; ``end`` is None where it was cut short."""

    header: Header
    lines: tuple[Line, ...]
    end: End | None = None

    @property
    def of_source(self) -> Iterator[OfSource]:
        """The lines of the network, in order."""
        return (line for line in self.lines if isinstance(line, get_args(OfSource)))

    def by_time(self) -> list[Line]:
        """All lines by their time; where that is the same, as they were written."""
        return sorted(self.lines, key=lambda line: line.ms)

    @property
    def size(self) -> int:
        """Bytes that arrived."""
        return sum(line.size for line in self.lines if isinstance(line, Chunk))

    @property
    def ends_ms(self) -> float:
        """The time of the end, or, of a trace without one, of the last that is known."""
        last_ms = max((line.ms for line in self.lines), default=0.0)
        return self.end.ms if self.end else last_ms

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody ended the run."""
        return self.end is not None and self.end.how == INTERRUPTED

    def tells(self, event: str) -> bool:
        """Whether one of `EVENTS` happened."""
        return any(isinstance(line, Event) and line.name == event for line in self.lines)

    def missing(self) -> VoiceError | None:
        """Why there are no more bytes; None where all had come."""
        if self.tells(RECEIVED_ALL):
            return None
        if self.end is not None and self.end.fault is not None:
            return self.end.fault.error()
        why = "was interrupted" if self.is_interrupted else "was cut short"
        return SourceError(f"the trace {why} after {self.size} bytes")

    def text(self) -> Iterator[str]:
        """The file, line by line."""
        yield text_of(self.header)
        for line in self.lines:
            yield text_of(line)
        if self.end is not None:
            yield text_of(self.end)


def text_of(line: Header | Line | End) -> str:
    """One line of the file, its end included."""
    return json.dumps(_object(line), ensure_ascii=False, allow_nan=False) + "\n"


def _object(line: Header | Line | End) -> dict[str, Any]:
    if isinstance(line, Header):
        fields = {field.name: getattr(line, field.name) for field in dataclasses.fields(line)}
        fields["audio"] = fields.pop("has_audio")
        return {"schema": SCHEMA, **fields}
    fields = line._asdict()
    time = {"ms": fields.pop("ms")}
    match line:
        case Event():
            fields = {"event": line.name}
        case Answer():
            fields = {"event": "answered"} | fields
        case Recognised():
            fields = {"event": "recognised"} | fields
        case Chunk():
            sound = None if line.audio is None else b64encode(line.audio).decode("ascii")
            fields = _said({"bytes": line.size, "audio": sound})
        case Decoded():
            fields = _said({"decoded_frames": fields.pop("frames")} | fields)
        case End():
            why = None if line.fault is None else _said(line.fault._asdict())
            fields = _said({"end": line.how, "error": why})
    return time | fields


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
