"""A recorded answer heard again: no server, no sound card, no waiting, no chance.

Time is virtual and decoding takes none of it, so the same trace gives the same
figures wherever and however often it is heard. A trace with its audio goes
through the decoder again: what arrives becomes playable at once, where in the
recorded run it waited for the decoder. Without its audio, what was decoded is
taken from the recording, the decoder's delay included; the first figures are
then the recorded run's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.bench.simulate import CostlessRecorder, IdealHearing
from voicecli.bench.speech import SpeechRun
from voicecli.clock import VirtualClock
from voicecli.errors import BadResponse, DeviceError, SourceError
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.sources.trace import info_of, info_of_audio
from voicecli.telemetry import events
from voicecli.telemetry.events import (
    Answered,
    Connected,
    Received,
    ReceivedAll,
    Requested,
    RequestSent,
    Retrying,
)
from voicecli.telemetry.observers import Observers
from voicecli.telemetry.trace.lines import (
    RECEIVED_ALL,
    REQUEST_SENT,
    Answer,
    Chunk,
    Decoded,
    Event,
    Recognised,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from voicecli.errors import VoiceError
    from voicecli.playback.policy import Policy
    from voicecli.session.items import Item
    from voicecli.telemetry.trace import Trace
    from voicecli.telemetry.trace.lines import Line

_STAND_IN = 1000
"""int16 magnitude, −30 dBFS, of speech of which only the beginning is known: loud
enough for the onset to be found, and too quiet for a frame or two to be taken for it."""

_MOMENTS: dict[str, Callable[[float], events.Event]] = {
    "connected": Connected,
    REQUEST_SENT: RequestSent,
    RECEIVED_ALL: ReceivedAll,
}


def replay(trace: Trace, policy: Policy) -> SpeechRun:
    """How a trace would have been heard under a policy.

    A run that failed or was interrupted does so again: raises nothing, the
    metrics have it. A device that failed is no part of this. ``decode_ms`` is 0.
    """
    return _Replay(trace, policy).run()


class _Replay:
    """One replay; times are seconds since t0, which is 0."""

    def __init__(self, trace: Trace, policy: Policy) -> None:
        self._trace = trace
        self._clock = VirtualClock()
        self._recorder = CostlessRecorder(trace.header.run_id)
        self._told = Observers([self._recorder])
        self._hearing = IdealHearing(self._clock, policy, self._told)
        self._ends_at = trace.ends_ms / 1e3

    def run(self) -> SpeechRun:
        """Hear it to its end."""
        trace = self._trace
        self._told.notify(Requested(self._clock.now(), trace.header.endpoint))
        if trace.header.has_audio:
            self._hearing.hear(self._items())
        else:
            self._play_what_was_decoded()
        if trace.is_interrupted:
            self._interrupt()
        spoken_s = self._hearing.conclude()
        metrics = self._recorder.result(
            interrupted=trace.is_interrupted,
            interrupted_at=self._ends_at if trace.is_interrupted else None,
            spoken_s=spoken_s,
        )
        return SpeechRun(metrics, self._recorder.arrival_curve())

    def _items(self) -> Generator[Item, None, None]:
        """What a `Fetcher` handed on when the trace was recorded."""
        info, has_begun = SourceInfo(self._trace.header.format), False
        for line in self._trace.of_source:
            self._tell(line)
            if isinstance(line, Answer):
                if has_begun:  # a further source, after one that was whole
                    yield StreamEnd()
                info, has_begun = info_of_audio(info_of(line)), False
            elif isinstance(line, Chunk):
                assert line.audio is not None, "a trace with audio has it in every line"
                if not has_begun:
                    has_begun = True
                    yield StreamStart(info)
                yield line.audio
        missing = self._trace.missing()
        if missing is None:
            if not has_begun:
                yield StreamStart(info)
            yield StreamEnd()
        elif self._trace.is_interrupted:
            self._interrupt()
        else:
            self._clock.advance_to(self._ends_at)
            raise missing

    def _play_what_was_decoded(self) -> None:
        """The way without bytes."""
        trace, told_end = self._trace, self._trace.end
        onsets_ms = (line.onset_ms for line in trace.lines if isinstance(line, Decoded))
        onset_ms = next((ms for ms in onsets_ms if ms is not None), None)
        fault = trace.missing() or (told_end and told_end.fault and told_end.fault.error())
        try:
            for line in trace.by_time():
                if isinstance(line, Decoded):
                    self._clock.advance_to(line.ms / 1e3)
                    self._hearing.take(self._stand_in(line, onset_ms))
                else:
                    self._tell(line)
        except BadResponse as error:
            fault = error
        if trace.missing() is None or not trace.is_interrupted:
            self._finish(fault)

    def _finish(self, fault: VoiceError | None) -> None:
        if fault is not None and not isinstance(fault, DeviceError):
            self._clock.advance_to(self._ends_at)
            self._hearing.fail(fault)
        self._hearing.end()

    def _stand_in(self, line: Decoded, onset_ms: float | None) -> Pcm:
        """As much sound as was decoded, which begins where the speech did."""
        samples = np.zeros((line.frames, 1), np.int16)
        if onset_ms is not None:
            silent_s = onset_ms / 1e3 - self._recorder.audio_s
            samples[max(0, round(silent_s * line.rate_hz)) :] = _STAND_IN
        return Pcm(samples, line.rate_hz)

    def _interrupt(self) -> None:
        self._clock.advance_to(self._ends_at)
        self._hearing.interrupt()

    def _tell(self, line: Line) -> None:
        """Say again what a line says, at its time."""
        self._clock.advance_to(line.ms / 1e3)
        at = self._clock.now()
        match line:
            case Event(_, "retrying"):
                self._told.notify(Retrying(at, SourceError("the attempt failed"), 0.0))
            case Event(_, name):
                self._told.notify(_MOMENTS[name](at))
            case Answer():
                self._told.notify(Answered(at, info_of(line)))
            case Chunk():
                self._told.notify(Received(at, line.audio or bytes(line.size)))
            case Recognised():
                format = AudioFormat(line.rate_hz, line.channels)
                self._told.notify(events.Recognised(at, line.format, format))
