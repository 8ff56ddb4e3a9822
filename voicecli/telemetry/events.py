"""What can happen during a run, one small class for each event.

In brackets: the thread that reports it. Times (``at``) are seconds on the
session's clock. New events and new fields may be added at any time, so an
observer must ignore what it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.errors import VoiceError
    from voicecli.playback.base import SinkReport, SinkSnapshot, Underrun
    from voicecli.sources.base import AnswerReport, SourceInfo
    from voicecli.telemetry.lifecycle import State
    from voicecli.text.segment import Segment


class Requested(NamedTuple):
    """A request is about to be handed to its source [fetch]. The first one's time is t0."""

    at: float
    label: str
    segment: int = 0


class Connected(NamedTuple):
    """A connection was established [fetch]; reported twice if encryption follows."""

    at: float


class RequestSent(NamedTuple):
    """The request has left the machine [fetch]."""

    at: float


class Answered(NamedTuple):
    """The source knows what kind of answer it gets [fetch]."""

    at: float
    info: SourceInfo


class Retrying(NamedTuple):
    """An attempt failed and will be repeated after ``wait_s`` seconds [fetch]."""

    at: float
    error: VoiceError
    wait_s: float
    segment: int = 0


class Replaced(NamedTuple):
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


class RequestsReduced(NamedTuple):
    """A server refused one request of several; from now on ``at_once`` are made [fetch]."""

    at: float
    at_once: int


class Received(NamedTuple):
    """Bytes arrived [fetch]."""

    at: float
    data: bytes
    segment: int = 0


class AnswerReported(NamedTuple):
    """An answer arrived whose source reports more than its sound [fetch]."""

    at: float
    report: AnswerReport
    segment: int = 0


class ReceivedAll(NamedTuple):
    """The last answer ended at ``at``; reported once none can follow it [fetch, source]."""

    at: float


class Recognised(NamedTuple):
    """The bytes turned out to be ``name``, decoded to ``format`` [decoder]."""

    at: float
    name: str
    format: AudioFormat


class Warned(NamedTuple):
    """The sound is heard, but there is something that people should know [decoder]."""

    at: float
    message: str


class Decoded(NamedTuple):
    """A block was decoded, in ``cpu_s`` seconds of CPU time [decoder]."""

    at: float
    pcm: Pcm
    cpu_s: float
    segment: int = 0


class SegmentPlaced(NamedTuple):
    """A segment's speech begins at ``starts_s`` of the joined sound [decoder]."""

    at: float
    segment: Segment
    starts_s: float


class SegmentEnded(NamedTuple):
    """All of a segment was decoded; its speech ends at ``ends_s`` of the joined sound [decoder].

    ``is_whole`` is false if its sound broke off.
    """

    at: float
    segment: Segment
    starts_s: float | None
    ends_s: float | None
    is_whole: bool = True


class StateChanged(NamedTuple):
    """The session moved from one state to another [session]."""

    at: float
    left: State
    entered: State


PROGRESS_S = 0.1
"""How often the session reports `Waited` or `Progressed`, at least."""


class Waited(NamedTuple):
    """There is nothing to play yet; reported every `PROGRESS_S` [session]."""

    at: float


class Progressed(NamedTuple):
    """The state of playback; reported every `PROGRESS_S`, if the process runs [session]."""

    at: float
    snapshot: SinkSnapshot


class PlaybackStarted(NamedTuple):
    """The first sample was heard at ``at`` [session]; reported shortly afterwards."""

    at: float


class UnderrunEnded(NamedTuple):
    """Sound resumed after a gap [session]."""

    underrun: Underrun


class PlaybackEnded(NamedTuple):
    """The last sample was heard, or the sound was cut off, at ``at`` [session]."""

    at: float
    report: SinkReport


class Failed(NamedTuple):
    """The session's first error [session]."""

    at: float
    error: VoiceError


Event: TypeAlias = (
    Requested
    | Connected
    | RequestSent
    | Answered
    | Retrying
    | Replaced
    | RequestsReduced
    | Received
    | AnswerReported
    | ReceivedAll
    | Recognised
    | Warned
    | Decoded
    | SegmentPlaced
    | SegmentEnded
    | StateChanged
    | Waited
    | Progressed
    | PlaybackStarted
    | UnderrunEnded
    | PlaybackEnded
    | Failed
)
"""Any event."""
