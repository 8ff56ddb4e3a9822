"""What can happen during a run, one small class for each event.

In brackets: the thread that reports it. Times (``at``) are seconds on the
session's clock. New events and new fields may be added at any time, so an
observer must ignore what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.errors import VoiceError
    from voicecli.playback.base import SinkReport, SinkSnapshot, Underrun
    from voicecli.sources.base import AnswerReport, SourceInfo
    from voicecli.telemetry.lifecycle import State
    from voicecli.text.segment import Segment


class Event:
    """Base of all events."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Moment(Event):
    """An event that has only a time.

    Its subclasses are not dataclasses of their own: making one takes most of a
    millisecond, and all of these are made before the first request.
    """

    at: float


@dataclass(frozen=True, slots=True)
class Requested(Event):
    """A request is about to be handed to its source [source]. The first one's time is t0."""

    at: float
    label: str
    segment: int = 0


class Connected(_Moment):
    """A connection was established [source]; reported twice if encryption follows."""

    __slots__ = ()


class RequestSent(_Moment):
    """The request has left the machine [source]."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """The source knows what kind of answer it gets [source]."""

    at: float
    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Retrying(Event):
    """An attempt failed and will be repeated after ``wait_s`` seconds [source]."""

    at: float
    error: VoiceError
    wait_s: float
    segment: int = 0


@dataclass(frozen=True, slots=True)
class Replaced(Event):
    """A segment, or the rest of it, is requested again after a failure [fetch, decoder].

    ``failed`` and ``label`` are the labels of the endpoint that failed and of the one asked
    next; they may be the same. ``sentences`` is how many sentences of the segment are
    complete in the sound; None if none of its sound was kept.
    """

    at: float
    segment: int
    error: VoiceError
    failed: str
    label: str
    sentences: int | None = None


@dataclass(frozen=True, slots=True)
class RequestsReduced(Event):
    """A server refused one request of several; from now on ``at_once`` are made [source]."""

    at: float
    at_once: int


@dataclass(frozen=True, slots=True)
class Received(Event):
    """Bytes arrived [source]."""

    at: float
    data: bytes
    segment: int = 0


@dataclass(frozen=True, slots=True)
class AnswerReported(Event):
    """An answer arrived whose source reports more than its sound [source]."""

    at: float
    report: AnswerReport
    segment: int = 0


class ReceivedAll(_Moment):
    """The last byte of the last answer arrived [source]."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Recognised(Event):
    """The bytes turned out to be ``name``, decoded to ``format`` [decoder]."""

    at: float
    name: str
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """The sound is heard, but there is something that people should know [decoder]."""

    at: float
    message: str


@dataclass(frozen=True, slots=True)
class Decoded(Event):
    """A block was decoded, in ``cpu_s`` seconds of CPU time [decoder]."""

    at: float
    pcm: Pcm
    cpu_s: float
    segment: int = 0


@dataclass(frozen=True, slots=True)
class SegmentPlaced(Event):
    """A segment's speech begins at ``starts_s`` of the joined sound [decoder]."""

    at: float
    segment: Segment
    starts_s: float


@dataclass(frozen=True, slots=True)
class SegmentEnded(Event):
    """All of a segment was decoded; its speech ends at ``ends_s`` of the joined sound [decoder].

    ``is_whole`` is false if its sound broke off.
    """

    at: float
    segment: Segment
    starts_s: float | None
    ends_s: float | None
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The session moved from one state to another [session]."""

    at: float
    left: State
    entered: State


class Waited(_Moment):
    """There is nothing to play yet; reported about ten times a second [session]."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Progressed(Event):
    """The state of playback; reported about ten times a second [session]."""

    at: float
    snapshot: SinkSnapshot


class PlaybackStarted(_Moment):
    """The first sample was heard at ``at`` [session]; reported shortly afterwards."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UnderrunEnded(Event):
    """Sound resumed after a gap [session]."""

    underrun: Underrun


@dataclass(frozen=True, slots=True)
class PlaybackEnded(Event):
    """The last sample was heard, or the sound was cut off, at ``at`` [session]."""

    at: float
    report: SinkReport


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The session's first error [session]."""

    at: float
    error: VoiceError
