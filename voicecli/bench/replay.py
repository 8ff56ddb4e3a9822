"""Replay a recorded answer: no server, no sound card, no waiting, no chance.

Time is virtual and decoding takes none of it, so a trace gives the same figures wherever
and however often it is replayed. A trace with its audio is decoded again: bytes become
playable as they arrive, while in the recorded run they waited for the decoder. Without
its audio, the decoded blocks and their times are taken from the trace; under the same
policy, the figures are then those of the recorded run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.bench.simulate import CostlessRecorder, SimulatedPlayback
from voicecli.bench.speech import SpeechRun
from voicecli.clock import VirtualClock
from voicecli.codecs.formats import RATES_HZ
from voicecli.errors import BadResponse, DeviceError, SourceError
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
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
"""int16 magnitude (−30 dBFS) of stand-in speech: loud enough for the onset to be found,
and quiet enough that a frame or two do not count as one."""

_MOMENTS: dict[str, Callable[[float], events.Event]] = {
    "connected": events.Connected,
    REQUEST_SENT: events.RequestSent,
    RECEIVED_ALL: events.ReceivedAll,
}


def replay(trace: Trace, policy: Policy) -> SpeechRun:
    """Return how a trace would have been heard under a policy.

    Does not raise if the run failed or was interrupted; the metrics show it. A failed
    device is not replayed. ``decode_ms`` is 0.
    """
    return _Replay(trace, policy).run()


class _Replay:
    """One replay; times are seconds since t0, which is 0."""

    def __init__(self, trace: Trace, policy: Policy) -> None:
        self._trace = trace
        self._clock = VirtualClock()
        self._recorder = CostlessRecorder(trace.header.run_id)
        self._observers = Observers([self._recorder])
        self._decoder = None if trace.header.has_audio else _BlockDecoder(trace)
        self._playback = SimulatedPlayback(
            self._clock,
            policy,
            self._observers,
            make_decoder=self._decoder.for_stream if self._decoder else None,
        )
        self._ends_at = trace.ends_ms / 1e3

    def run(self) -> SpeechRun:
        trace = self._trace
        self._observers.notify(events.Requested(self._clock.now(), trace.header.endpoint))
        self._playback.play(self._items())
        if trace.is_interrupted:
            self._interrupt()
        spoken_s = self._playback.conclude()
        metrics = self._recorder.result(
            interrupted_at=self._ends_at if trace.is_interrupted else None,
            spoken_s=spoken_s,
        )
        return SpeechRun(metrics, self._recorder.arrival_curve())

    def _items(self) -> Generator[Item, None, None]:
        """Yield what the fetcher yielded in the recorded run, then end as that did."""
        trace, decoder = self._trace, self._decoder
        yield from self._bytes() if decoder is None else self._blocks(decoder)
        missing = trace.missing()
        fault: VoiceError | None = missing
        if decoder is not None and trace.end is not None and trace.end.fault is not None:
            fault = trace.end.fault.error()  # may be a fault of the decoder
        if missing is not None and trace.is_interrupted:
            self._interrupt()
        elif fault is not None and not isinstance(fault, DeviceError):
            self._clock.advance_to(self._ends_at)
            raise fault
        else:
            yield StreamEnd()

    def _bytes(self) -> Generator[Item, None, None]:
        """Replay a trace with its audio; all but the last stream end here."""
        info, has_started = SourceInfo(self._trace.header.format), False
        for line in self._trace.of_source:
            self._notify(line)
            if isinstance(line, Answer):
                if has_started:
                    yield StreamEnd()
                info, has_started = _info_of(line).of_audio, False
            elif isinstance(line, Chunk):
                assert line.audio is not None, "a trace with audio has it in every line"
                if not has_started:
                    has_started = True
                    yield StreamStart(info)
                yield line.audio
        if not has_started:
            yield StreamStart(info)

    def _blocks(self, decoder: _BlockDecoder) -> Generator[Item, None, None]:
        """Replay a trace without audio: each byte yielded makes the decoder return a block."""
        for line in self._trace.lines:
            if isinstance(line, Recognised):  # has no effect on time
                self._notify(line)
        yield StreamStart(SourceInfo(self._trace.header.format))
        for line in self._trace.by_time():
            self._notify(line)
            if isinstance(line, Decoded):
                decoder.decode_next(line, self._recorder.audio_s)
                yield b"\0"

    def _interrupt(self) -> None:
        self._clock.advance_to(self._ends_at)
        self._playback.interrupt()

    def _notify(self, line: Line) -> None:
        """Report what a line says, at its time."""
        if isinstance(line, Recognised):
            format = AudioFormat(line.rate_hz, line.channels)
            self._observers.notify(events.Recognised(line.ms / 1e3, line.format, format))
            return
        self._clock.advance_to(line.ms / 1e3)
        at = self._clock.now()
        match line:
            case Event(_, "retrying"):
                error = SourceError("the attempt failed")
                self._observers.notify(events.Retrying(at, error, wait_s=0.0))
            case Event(_, name):
                self._observers.notify(_MOMENTS[name](at))
            case Answer():
                self._observers.notify(events.Answered(at, _info_of(line)))
            case Chunk():
                self._observers.notify(events.Received(at, line.audio or bytes(line.size)))


class _BlockDecoder:
    """Returns stand-ins for the blocks of a trace without audio; see `StreamDecoder`."""

    pending = False

    def __init__(self, trace: Trace) -> None:
        names = (line.format for line in trace.lines if isinstance(line, Recognised))
        onsets = (line.onset_ms for line in trace.lines if isinstance(line, Decoded))
        self.name = next(names, trace.header.format)
        self._onset_ms = next((onset for onset in onsets if onset is not None), None)
        self._blocks: list[Pcm] = []

    def for_stream(self, info: SourceInfo) -> _BlockDecoder:  # noqa: ARG002  MakeDecoder
        return self

    def decode_next(self, line: Decoded, audio_s: float) -> None:
        """Make a block as long as the recorded one, after ``audio_s`` of audio.

        It is loud from where speech began.
        """
        samples = np.zeros((line.frames, 1), np.int16)
        if self._onset_ms is not None:
            silent_s = self._onset_ms / 1e3 - audio_s
            samples[max(0, round(silent_s * line.rate_hz)) :] = _STAND_IN
        self._blocks.append(Pcm(samples, line.rate_hz))

    def feed(self, data: bytes) -> list[Pcm]:  # noqa: ARG002  only counts
        blocks, self._blocks = self._blocks, []
        if any(block.rate_hz not in RATES_HZ for block in blocks):
            raise BadResponse("the trace holds audio at an impossible rate")
        return blocks

    def flush(self) -> list[Pcm]:
        return []


def _info_of(answer: Answer) -> SourceInfo:
    return SourceInfo(answer.requested, answer.content_type, answer.rate_hz, answer.channels)
