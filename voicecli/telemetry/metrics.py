"""The metrics of a run: the JSON object of schema ``voicecli.metrics/1``.

Keys are only ever added to it. Times are in ms from t0, the instant before the
request is handed to its source; a key whose event did not happen is null.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from voicecli.audio.onset import OnsetDetector
from voicecli.playback.arrivals import Arrivals
from voicecli.playback.base import SinkReport
from voicecli.telemetry.events import (
    PROGRESS_S,
    Answered,
    Connected,
    Decoded,
    Failed,
    PlaybackEnded,
    Progressed,
    Received,
    ReceivedAll,
    Recognised,
    Replaced,
    Requested,
    RequestSent,
    Retrying,
    SegmentEnded,
    Waited,
)
from voicecli.telemetry.generation import GenerationTime
from voicecli.telemetry.segments import SegmentTable
from voicecli.telemetry.underruns import (
    milliseconds,
    pauses,
    text_waits,
    underruns,
    while_running,
)
from voicecli.telemetry.waterfall import waterfall

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat
    from voicecli.errors import VoiceError
    from voicecli.telemetry.events import Event

SCHEMA = "voicecli.metrics/1"

_LATE_S = 0.02
"""A check of playback up to this late does not mean that the process was stopped."""


class Recorder:
    """An observer that collects a session's times and counts.

    ``launched_at`` is the start of the process on the session's clock, for
    ``launch_to_request_ms``; None leaves that null. Called from the session's
    threads; read when the session has ended.
    """

    def __init__(self, run_id: str, launched_at: float | None = None) -> None:
        self._run_id = run_id
        self._launched_at = launched_at
        self._t0: float | None = None
        self._label: str | None = None
        self._content_type: str | None = None
        self._name: str | None = None
        self._format: AudioFormat | None = None
        self._times: dict[str, float] = {}
        self._received_at = array("d")
        self._bytes = 0
        self._retries = 0
        self._recovered = self._failed_over = 0
        self._broken: set[int] = set()  # segments whose rest was requested again
        self._generation = GenerationTime()
        self._decode_s = 0.0
        self._onset = OnsetDetector()
        self._arrivals = Arrivals()
        self._report = SinkReport()
        self._ran_at: float | None = None
        self._stops: list[tuple[float, float]] = []  # checks of playback, the second late
        self._error: VoiceError | None = None
        self.segments = SegmentTable()

    def __call__(self, event: Event, /) -> None:  # noqa: C901, PLR0912  one case an event
        """Take note of an event."""
        self.segments(event)
        match event:
            case Decoded():
                self._decoded(event)
            case Received(at, data, segment):
                self._times.setdefault("ttfb_ms", at)
                self._generation.received(segment, at)
                self._received_at.append(at)
                self._bytes += len(data)
            case Requested(at, label, segment):
                self._generation.requested(segment, at)
                if self._t0 is None:
                    self._t0, self._label = at, label
            case Connected(at):
                if "request_sent_ms" not in self._times:
                    self._times["connected_ms"] = at
            case RequestSent(at):
                self._times.setdefault("request_sent_ms", at)
            case Answered(at, info):
                self._times.setdefault("response_ms", at)
                self._content_type = self._content_type or info.content_type
            case Retrying():
                self._retries += 1
            case Replaced(_, segment, _, failed, label, sentences):
                self._broken |= {segment} if sentences is not None else set()
                self._failed_over += failed != label
            case SegmentEnded(_, segment):
                self._generation.ended(segment.number)
            case ReceivedAll(at):
                self._times["generation_ms"] = at
                self._generation.received_all(at)
            case Recognised(_, name, format):
                if self._name is None:
                    self._name, self._format = name, format
            case Waited(at):
                self._ran_at = at
            case Progressed(at):
                if self._ran_at is not None and at - self._ran_at > PROGRESS_S + _LATE_S:
                    self._stops.append((self._ran_at, at))
                self._ran_at = at
            case PlaybackEnded(_, report):
                self._report = report
            case Failed(_, error):
                self._error = error

    def _decoded(self, block: Decoded) -> None:
        self._recovered += block.segment in self._broken  # its rest is here
        self._broken.discard(block.segment)
        self._times.setdefault("first_frame_ms", block.at)
        self._decode_s += block.cpu_s
        self._arrivals.add(block.at, block.pcm.duration_s)
        self._onset.feed(block.pcm)

    @property
    def label(self) -> str | None:
        """The endpoint that the first request went to."""
        return self._label

    @property
    def ttfa_ms(self) -> float | None:
        """Time to first audio, by the device's clock."""
        return self._since_t0(self._report.first_sound_at)

    @property
    def audio_s(self) -> float:
        """Seconds of audio that were decoded."""
        return self._arrivals.audio_s

    def arrival_curve(self) -> tuple[tuple[float, float], ...]:
        """Return how the audio grew: (ms since t0, seconds decoded by then) for each block."""
        t0, audio_s = self._t0 or 0.0, 0.0
        curve = []
        for at, duration_s in self._arrivals:
            audio_s += duration_s
            curve.append((round((at - t0) * 1e3, 1), round(audio_s, 6)))
        return tuple(curve)

    def result(
        self, *, interrupted_at: float | None = None, spoken_s: float = 0.0
    ) -> dict[str, Any]:
        """Return the JSON object, without ``saved`` and other keys that the caller adds."""
        interrupted = interrupted_at is not None
        times = {name: self._since_t0(at) for name, at in self._times.items()}
        keys = (
            "connected_ms",
            "request_sent_ms",
            "response_ms",
            "ttfb_ms",
            "first_frame_ms",
            "generation_ms",
        )
        ttfa_ms = self.ttfa_ms
        onset_ms = self._onset.onset_ms
        audible = None if ttfa_ms is None or onset_ms is None else round(ttfa_ms + onset_ms, 1)
        return {
            "schema": SCHEMA,
            "run_id": self._run_id,
            "ok": self._error is None and not interrupted,
            "interrupted": interrupted,
            "stopped_by": None,
            "error": None if self._error is None else describe(self._error),
            "format": self._name,
            "content_type": self._content_type,
            "rate_hz": self._format.rate_hz if self._format else None,
            "channels": self._format.channels if self._format else None,
            "endpoint": self._label,
            "audio_s": round(self.audio_s, 6),
            "spoken_s": round(spoken_s, 6),
            "bytes": self._bytes,
            "chunks": len(self._received_at),
            "retries": self._retries,
            "recovered": self._recovered,
            "failed_over": self._failed_over,
            "launch_to_request_ms": self._launch_to_request_ms(),
            **{key: times.get(key) for key in keys},
            "ttfa_ms": ttfa_ms,
            "ttfa_audible_ms": audible,
            "leading_silence_ms": onset_ms,
            "waterfall_ms": waterfall(self._t0, self._times, self._report, onset_ms),
            "playback_ms": self._since_t0(self._report.last_sound_at),
            "rtf": self._rtf(),
            "decode_ms": round(self._decode_s * 1e3, 1),
            "stop_ms": self._stop_ms(interrupted_at),
            **self._playback(spoken_s),
        }

    def _playback(self, spoken_s: float) -> dict[str, Any]:
        """Return the keys that come from the sink and the arrivals."""
        report, arrivals = self._report, self._arrivals
        needed_s = while_running(arrivals, report, self._stops).needed_prebuffer_s
        spoken, known = self.segments.spoken_sentences(spoken_s)
        return {
            "underruns": underruns(report, arrivals, self._received_at, self._stops),
            "waits": {"text": text_waits(report), "turn_ms": 0.0},
            "sentences": {"spoken": spoken, "known": known},
            "segments": self.segments.to_json(report),
            "segments_dropped": self.segments.dropped,
            "usage": self.segments.usage(),
            "pauses": pauses(report),
            "rebuffers": sum(not gap.is_device for gap in report.underruns),
            "needed_prebuffer_ms": milliseconds(needed_s),
            "buffer": {
                "start_ms": milliseconds(report.start_buffered_s),
                "min_ms": milliseconds(report.min_buffered_s),
                "mean_ms": milliseconds(report.mean_buffered_s),
            },
        }

    def _since_t0(self, at: float | None) -> float | None:
        return None if at is None or self._t0 is None else milliseconds(at - self._t0)

    def _launch_to_request_ms(self) -> float | None:
        if self._launched_at is None or self._t0 is None:
            return None
        return milliseconds(self._t0 - self._launched_at)

    def _rtf(self) -> float | None:
        if "generation_ms" not in self._times or not self.audio_s:
            return None
        return round(self._generation.seconds() / self.audio_s, 4)

    def _stop_ms(self, interrupted_at: float | None) -> float | None:
        if interrupted_at is None or self._report.last_sound_at is None:
            return None
        return milliseconds(max(0.0, self._report.last_sound_at - interrupted_at))


def describe(error: VoiceError) -> dict[str, Any]:
    """Return an error as a JSON object."""
    described: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "exit": int(error.exit_status),
    }
    if error.remedy:
        described["remedy"] = error.remedy
    return described
