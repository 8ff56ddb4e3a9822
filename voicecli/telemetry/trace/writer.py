"""Recording a run's arrivals while it goes on."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from voicecli.audio.onset import OnsetDetector
from voicecli.errors import SaveError
from voicecli.sanitize import clean
from voicecli.telemetry.lifecycle import FINAL, State
from voicecli.telemetry.trace.lines import (
    FAILED,
    INTERRUPTED,
    RECEIVED_ALL,
    REQUEST_SENT,
    WHOLE,
    Answer,
    Chunk,
    Decoded,
    End,
    Event,
    Fault,
    Header,
    Recognised,
    text_of,
)

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import SourceInfo
    from voicecli.telemetry.trace.lines import Line


class TraceWriter:
    """An observer that writes schema ``voicecli.trace/1`` to a text file, line by line.

    ``request`` is what was asked for; its text is not written. ``with_audio``
    adds the bytes themselves, a third longer than they are. Each line is one
    call of the file's ``write``, and flushed. Nothing is written before the
    first request, nor after the end. The hooks of the source and those of the
    decoder may be called from a thread each.

    Raises, from every hook:
        SaveError: the file cannot be written to.
    """

    def __init__(
        self,
        file: IO[str],
        run_id: str,
        clock: Clock,
        request: SpeechRequest | None = None,
        *,
        with_audio: bool = False,
    ) -> None:
        self._file = file
        self._run_id = run_id
        self._clock = clock
        self._request = request
        self._with_audio = with_audio
        self._lock = threading.Lock()
        self._onset: OnsetDetector | None = OnsetDetector()
        self._t0: float | None = None
        self._end: End | None = None
        self._has_begun = self._has_ended = False

    # Hooks of voicecli.telemetry.observers.Observer, which says what each means.

    def requested(self, at: float, label: str) -> None:  # noqa: D102
        if self._t0 is not None:
            return
        self._t0 = at
        started_s = self._clock.wall() - (self._clock.now() - at)
        started = datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds")
        asked = self._request
        self._write(
            Header(
                run_id=self._run_id,
                started=started.replace("+00:00", "Z"),
                endpoint=clean(label),
                model=clean(asked.model) if asked else None,
                voice=clean(asked.voice) if asked else None,
                format=clean(asked.response_format) if asked else None,
                has_audio=self._with_audio,
            )
        )

    def connected(self, at: float) -> None:  # noqa: D102
        self._write(Event(self._ms(at), "connected"))

    def request_sent(self, at: float) -> None:  # noqa: D102
        self._write(Event(self._ms(at), REQUEST_SENT))

    def answered(self, at: float, info: SourceInfo) -> None:  # noqa: D102
        requested = None if info.requested is None else clean(info.requested)
        content_type = None if info.content_type is None else clean(info.content_type)
        ms = self._ms(at)
        self._write(Answer(ms, requested, content_type, info.rate_hz, info.channels))

    def retrying(self, at: float, error: VoiceError, wait_s: float) -> None:  # noqa: ARG002, D102
        self._write(Event(self._ms(at), "retrying"))

    def received_bytes(self, at: float, data: bytes) -> None:  # noqa: D102
        self._write(Chunk(self._ms(at), len(data), data if self._with_audio else None))

    def received_all(self, at: float) -> None:  # noqa: D102
        self._write(Event(self._ms(at), RECEIVED_ALL))

    def recognised(self, at: float, name: str, format: AudioFormat) -> None:  # noqa: D102
        self._write(Recognised(self._ms(at), name, format.rate_hz, format.channels))

    def decoded(self, at: float, pcm: Pcm, cpu_s: float) -> None:  # noqa: ARG002, D102
        onset_ms = self._hear(pcm)
        self._write(Decoded(self._ms(at), pcm.frames, pcm.rate_hz, onset_ms))

    def failed(self, at: float, error: VoiceError) -> None:  # noqa: D102
        remedy = None if error.remedy is None else clean(error.remedy)
        fault = Fault(error.code, clean(error.message), remedy)
        self._end = End(self._ms(at), FAILED, fault)

    def state_changed(self, at: float, left: State, entered: State) -> None:  # noqa: ARG002, D102
        if entered in FINAL:
            how = WHOLE if entered is State.DONE else INTERRUPTED
            self._write(self._end or End(self._ms(at), how))

    def _ms(self, at: float) -> float:
        """Since t0, to the microsecond: what is read is what was written."""
        return max(0.0, round((at - (self._t0 or 0.0)) * 1e3, 3))

    def _hear(self, pcm: Pcm) -> float | None:
        """The silence in front of the speech, once: with the block in which that begins."""
        if self._onset is None:
            return None
        self._onset.feed(pcm)
        onset_ms = self._onset.onset_ms
        if onset_ms is not None:
            self._onset = None
        return onset_ms

    def _write(self, line: Header | Line | End) -> None:
        text = text_of(line)
        try:
            with self._lock:
                # Another thread may tell the end while this one is about to begin.
                is_next = isinstance(line, Header) != self._has_begun and not self._has_ended
                self._has_ended |= isinstance(line, End)
                if is_next:
                    self._has_begun = True
                    self._file.write(text)
                    self._file.flush()
        except OSError as error:
            raise SaveError(f"the trace ends early: {error.strerror or error}") from error
