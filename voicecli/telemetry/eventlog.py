"""The event log: one JSON object a line, for scripts that watch a run while it goes on."""

from __future__ import annotations

import json
import threading
from typing import IO, TYPE_CHECKING, Any

from voicecli.errors import SaveError
from voicecli.telemetry.metrics import describe

if TYPE_CHECKING:
    from voicecli.audio.pcm import Pcm
    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.playback.base import SinkReport, Underrun


class EventLog:
    """An observer that appends ``TTS_…`` events to a text file.

    Each line carries the event's name, ``run_id``, ``wall`` (seconds since the
    epoch) and ``monotonic`` (seconds, to subtract from one another). Lines are
    flushed as they are written, whole, so several runs may share a file opened
    for appending.
    """

    def __init__(self, file: IO[str], run_id: str, clock: Clock) -> None:
        self._file = file
        self._run_id = run_id
        self._clock = clock
        self._lock = threading.Lock()
        self._has_audio = False

    def requested(self, at: float, label: str) -> None:
        """TTS_REQUEST: a request is about to be made."""
        self._write("TTS_REQUEST", at, endpoint=label)

    def decoded(self, at: float, pcm: Pcm, cpu_s: float) -> None:  # noqa: ARG002  a hook's shape
        """TTS_FIRST_AUDIO: the first samples are there; bytes before them were headers."""
        if not self._has_audio:
            self._has_audio = True
            self._write("TTS_FIRST_AUDIO", at)

    def playback_started(self, at: float) -> None:
        """TTS_PLAYBACK_START: the first sample was heard."""
        self._write("TTS_PLAYBACK_START", at)

    def underran(self, underrun: Underrun) -> None:
        """TTS_UNDERRUN: a hole in the sound has ended."""
        now = self._clock.now()
        silence_ms = round(underrun.silence_s * 1e3, 1)
        self._write("TTS_UNDERRUN", now, at_s=round(underrun.at_s, 4), ms=silence_ms)

    def playback_ended(self, at: float, report: SinkReport) -> None:
        """TTS_PLAYBACK_END: the last sample was heard, or the sound was cut off."""
        if report.first_sound_at is not None:
            self._write("TTS_PLAYBACK_END", at, underruns=len(report.underruns))

    def failed(self, at: float, error: VoiceError) -> None:
        """TTS_ERROR: the run's first error."""
        self._write("TTS_ERROR", at, error=describe(error))

    def _write(self, event: str, at: float, **details: Any) -> None:
        age_s = self._clock.now() - at
        line = {
            "event": event,
            "run_id": self._run_id,
            "wall": round(self._clock.wall() - age_s, 6),
            "monotonic": round(at, 6),
            **details,
        }
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with self._lock:
                self._file.write(text)
                self._file.flush()
        except OSError as error:
            why = error.strerror or error
            raise SaveError(f"the event log ends before {event}: {why}") from error
