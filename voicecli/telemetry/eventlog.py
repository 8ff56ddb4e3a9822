"""The event log: one JSON object a line, for scripts that watch a run."""

from __future__ import annotations

import json
import threading
from typing import IO, TYPE_CHECKING, Any

from voicecli.errors import SaveError
from voicecli.telemetry.events import (
    Decoded,
    Failed,
    PlaybackEnded,
    PlaybackStarted,
    Requested,
    StateChanged,
    UnderrunEnded,
)
from voicecli.telemetry.lifecycle import State
from voicecli.telemetry.metrics import describe

if TYPE_CHECKING:
    from voicecli.clock import Clock
    from voicecli.telemetry.events import Event


class EventLog:
    """An observer that appends ``TTS_…`` events to a text file.

    Each line has the event's name, ``run_id``, ``wall`` (seconds since the epoch)
    and ``monotonic`` (seconds, for differences). Lines are written in one piece and
    flushed, so several runs may share a file opened for appending. Any thread.
    """

    def __init__(self, file: IO[str], run_id: str, clock: Clock) -> None:
        self._file = file
        self._run_id = run_id
        self._clock = clock
        self._lock = threading.Lock()
        self._has_audio = False
        self._is_interrupted = False

    def __call__(self, event: Event, /) -> None:
        """Write the event, if the log records its kind.

        Raises:
            SaveError: the file cannot be written to.
        """
        match event:
            case Requested(at, label):
                self._write("TTS_REQUEST", at, endpoint=label)
            case Decoded(at) if not self._has_audio:  # bytes before it were headers
                self._has_audio = True
                self._write("TTS_FIRST_AUDIO", at)
            case PlaybackStarted(at):
                self._write("TTS_PLAYBACK_START", at)
            case UnderrunEnded(underrun):
                silence_ms = round(underrun.silence_s * 1e3, 1)
                at_s = round(underrun.at_s, 4)
                self._write("TTS_UNDERRUN", self._clock.now(), at_s=at_s, ms=silence_ms)
            case StateChanged(_, _, State.CANCELLED):
                self._is_interrupted = True
            case PlaybackEnded(at, report) if report.first_sound_at is not None:
                gaps, interrupted = len(report.underruns), self._is_interrupted
                self._write("TTS_PLAYBACK_END", at, underruns=gaps, interrupted=interrupted)
            case Failed(at, error):
                self._write("TTS_ERROR", at, error=describe(error))

    def _write(self, name: str, at: float, **details: Any) -> None:
        age_s = self._clock.now() - at
        line = {
            "event": name,
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
            raise SaveError(f"the event log ends before {name}: {why}") from error
