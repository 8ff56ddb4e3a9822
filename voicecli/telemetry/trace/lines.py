"""The format of arrival traces: what arrived when, as JSON lines.

Schema ``voicecli.trace/1``, in UTF-8. The first line is the request, the last how
it ended, those in between what happened, in ms since t0::

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

Each object is one line. The decoded line in which speech began has ``onset_ms``,
the silence before it. Lines of the network and lines of the decoder come from two
threads: times ascend within each, not overall. If the last line is missing or
incomplete, the trace was cut short. A trace contains no text and no key. Keys may
be added; readers ignore those they do not know.
"""

from __future__ import annotations

import dataclasses
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, get_args

from voicecli import errors
from voicecli.errors import SourceError, VoiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "voicecli.trace/1"

RECEIVED_ALL = "received_all"
REQUEST_SENT = "request_sent"
EVENTS = ("connected", REQUEST_SENT, "retrying", RECEIVED_ALL)
"""Events of the network that have only a time."""

WHOLE, FAILED, INTERRUPTED = "whole", "failed", "interrupted"

_ERRORS: dict[str, type[VoiceError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, VoiceError) and kind is not VoiceError
}


class Event(NamedTuple):
    """One of `EVENTS`, ``ms`` after t0."""

    ms: float
    name: str


class Answer(NamedTuple):
    """What the source knew about its bytes once it was answered; None means unknown."""

    ms: float
    requested: str | None = None
    content_type: str | None = None
    rate_hz: int | None = None
    channels: int | None = None


class Chunk(NamedTuple):
    """``size`` bytes arrived; ``audio`` is their content, if the trace has it."""

    ms: float
    size: int
    audio: bytes | None = None


class Recognised(NamedTuple):
    """The format of the bytes, and of the decoded samples."""

    ms: float
    format: str
    rate_hz: int
    channels: int


class Decoded(NamedTuple):
    """``frames`` became playable; ``onset_ms`` is the silence before the speech."""

    ms: float
    frames: int
    rate_hz: int
    onset_ms: float | None = None


class Fault(NamedTuple):
    """An error, as it is in a line."""

    code: str
    message: str
    remedy: str | None = None

    def error(self) -> VoiceError:
        """Make the error; a `SourceError` if the code is unknown."""
        return _ERRORS.get(self.code, SourceError)(self.message, remedy=self.remedy)


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
    """The request: ``started`` is ISO 8601 in UTC, ``endpoint`` a label."""

    run_id: str
    started: str
    endpoint: str
    model: str | None = None
    voice: str | None = None
    format: str | None = None
    has_audio: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace. ``lines`` are in file order; ``end`` is None if the trace was cut short."""

    header: Header
    lines: tuple[Line, ...]
    end: End | None = None

    @property
    def of_source(self) -> Iterator[OfSource]:
        """The lines of the network, in order."""
        return (line for line in self.lines if isinstance(line, get_args(OfSource)))

    def by_time(self) -> list[Line]:
        """Return all lines by time; those of the same time in file order."""
        return sorted(self.lines, key=lambda line: line.ms)

    @property
    def size(self) -> int:
        """Bytes that arrived."""
        return sum(line.size for line in self.lines if isinstance(line, Chunk))

    @property
    def ends_ms(self) -> float:
        """The time of the end, or of the last line if there is no end."""
        last_ms = max((line.ms for line in self.lines), default=0.0)
        return self.end.ms if self.end else last_ms

    @property
    def is_interrupted(self) -> bool:
        """Whether the run was interrupted."""
        return self.end is not None and self.end.how == INTERRUPTED

    def has_event(self, event: str) -> bool:
        """Return whether one of `EVENTS` happened."""
        return any(isinstance(line, Event) and line.name == event for line in self.lines)

    def missing(self) -> VoiceError | None:
        """Return why bytes are missing; None if all had arrived."""
        if self.has_event(RECEIVED_ALL):
            return None
        if self.end is not None and self.end.fault is not None:
            return self.end.fault.error()
        why = "was interrupted" if self.is_interrupted else "was cut short"
        return SourceError(f"the trace {why} after {self.size} bytes")


def text_of(line: Header | Line | End) -> str:
    """Format one line of the file, including its end."""
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
            fields = _known({"bytes": line.size, "audio": sound})
        case Decoded():
            fields = _known({"decoded_frames": fields.pop("frames")} | fields)
        case End():
            why = None if line.fault is None else _known(line.fault._asdict())
            fields = _known({"end": line.how, "error": why})
    return time | fields


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
