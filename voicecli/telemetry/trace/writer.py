"""Write a trace of a run's arrivals."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from voicecli.audio.onset import OnsetDetector
from voicecli.errors import SaveError
from voicecli.sanitize import clean
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import FINAL, State
from voicecli.telemetry.trace import lines

if TYPE_CHECKING:
    from voicecli.audio.pcm import Pcm
    from voicecli.clock import Clock
    from voicecli.request import SpeechRequest


class TraceWriter:
    """An observer that writes schema ``voicecli.trace/1`` to a text file, line by line.

    ``request`` is what was requested; its text is not written. ``with_audio`` adds
    the bytes themselves, as base64. Each line is one call of the file's ``write``,
    and flushed. Nothing is written before the first request or after the end. Any
    thread.
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
        self._end: lines.End | None = None
        self._has_begun = self._has_ended = False

    def __call__(self, event: events.Event, /) -> None:
        """Write the event, if traces record its kind.

        Raises:
            SaveError: the file cannot be written to.
        """
        match event:
            case events.Requested(at, label) if self._t0 is None:
                self._t0 = at
                self._write(self._header(at, label))
            case events.Failed(at, error):
                remedy = None if error.remedy is None else clean(error.remedy)
                fault = lines.Fault(error.code, clean(error.message), remedy)
                self._end = lines.End(self._ms(at), lines.FAILED, fault)
            case events.StateChanged(at, _, entered) if entered in FINAL:
                how = lines.WHOLE if entered is State.DONE else lines.INTERRUPTED
                self._write(self._end or lines.End(self._ms(at), how))
            case _:
                line = self._line(event)
                if line is not None:
                    self._write(line)

    def _header(self, at: float, label: str) -> lines.Header:
        started_s = self._clock.wall() - (self._clock.now() - at)
        started = datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds")
        request = self._request
        return lines.Header(
            run_id=self._run_id,
            started=started.replace("+00:00", "Z"),
            endpoint=clean(label),
            model=clean(request.model) if request else None,
            voice=clean(request.voice) if request else None,
            format=clean(request.response_format) if request else None,
            has_audio=self._with_audio,
        )

    def _line(self, event: events.Event) -> lines.Line | None:  # noqa: PLR0911  one case an event
        match event:
            case events.Decoded(at, pcm):
                return lines.Decoded(self._ms(at), pcm.frames, pcm.rate_hz, self._onset_ms(pcm))
            case events.Received(at, data):
                return lines.Chunk(self._ms(at), len(data), data if self._with_audio else None)
            case events.Connected(at):
                return lines.Event(self._ms(at), "connected")
            case events.RequestSent(at):
                return lines.Event(self._ms(at), lines.REQUEST_SENT)
            case events.Answered(at, info):
                requested = None if info.requested is None else clean(info.requested)
                content_type = None if info.content_type is None else clean(info.content_type)
                return lines.Answer(
                    self._ms(at), requested, content_type, info.rate_hz, info.channels
                )
            case events.Retrying(at):
                return lines.Event(self._ms(at), "retrying")
            case events.ReceivedAll(at):
                return lines.Event(self._ms(at), lines.RECEIVED_ALL)
            case events.Recognised(at, name, format):
                return lines.Recognised(self._ms(at), name, format.rate_hz, format.channels)
        return None

    def _ms(self, at: float) -> float:
        """Return milliseconds since t0, to the nanosecond.

        Figures are rounded to a tenth of a millisecond. If this were rounded too, to a thousandth
        say, 3.2501 would become 3.25 and then 3.2, and a replay would give another figure.
        """
        return max(0.0, round((at - (self._t0 or 0.0)) * 1e3, 6))

    def _onset_ms(self, pcm: Pcm) -> float | None:
        """Return the silence before the speech, with the block in which the speech begins."""
        if self._onset is None:
            return None
        self._onset.feed(pcm)
        onset_ms = self._onset.onset_ms
        if onset_ms is not None:
            self._onset = None
        return onset_ms

    def _write(self, line: lines.Header | lines.Line | lines.End) -> None:
        text = lines.text_of(line)
        try:
            with self._lock:
                # Another thread may report the end while this one is about to begin.
                is_next = isinstance(line, lines.Header) != self._has_begun and not self._has_ended
                self._has_ended |= isinstance(line, lines.End)
                if is_next:
                    self._has_begun = True
                    self._file.write(text)
                    self._file.flush()
        except OSError as error:
            raise SaveError(f"the trace ends early: {error.strerror or error}") from error
