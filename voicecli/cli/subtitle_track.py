"""Collect what subtitles are made of during a run, and write them at the end."""

from __future__ import annotations

import json
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.playback.base import SinkReport
from voicecli.playback.silences import Silences
from voicecli.recording import subtitles
from voicecli.telemetry.events import Decoded, PlaybackEnded, SegmentEnded, SegmentPlaced
from voicecli.telemetry.sentences import SentenceTimes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from voicecli.audio.alignment import Stretch
    from voicecli.telemetry.events import Event
    from voicecli.text.segment import Segment

_IN_MEMORY_BYTES = 1 << 20
"""Text of this much speech stays in memory; more goes to a temporary file."""


class SubtitleTrack:
    """Follows one run; `write` when it has ended, also after an interruption."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times = SentenceTimes()
        self._current: Segment | None = None
        self._spool = SpooledTemporaryFile(  # noqa: SIM115  `write` closes it
            _IN_MEMORY_BYTES, "w+", encoding="utf-8"
        )
        self._error: OSError | None = None
        self._report = SinkReport()

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        match event:
            case Decoded(_, pcm):
                self._times.decoded(pcm)
            case SegmentPlaced(_, segment, starts_s):
                self._times.begin(segment, starts_s)
                self._current = segment
            case SegmentEnded(_, segment, _, ends_s, is_whole):
                if ends_s is not None:
                    self._keep(segment, self._times.end(ends_s, is_whole=is_whole))
                self._current = None
            case PlaybackEnded(_, report):
                self._report = report

    def close(self) -> None:
        """Forget everything; idempotent."""
        self._spool.close()

    def write(self, spoken_s: float) -> str | None:
        """Write the file, and return its path; None if nothing was spoken.

        Raises:
            SaveError: it cannot be written.
        """
        if self._current is not None:
            self._keep(self._current, self._times.so_far())
        with self._spool:
            if self._error is not None:
                raise SaveError(f"cannot save {self._path}: {self._error.strerror}")
            heard = subtitles.as_heard(self._kept(), Silences(self._report), spoken_s)
            return str(self._path) if subtitles.write(self._path, heard) else None

    def _keep(self, segment: Segment, times: Sequence[Stretch]) -> None:
        try:
            for sentence, (starts_s, ends_s) in zip(segment.sentences, times, strict=False):
                self._spool.write(json.dumps([starts_s, ends_s, sentence.text]) + "\n")
        except OSError as error:  # the folder for temporary files is full
            self._error = self._error or error

    def _kept(self) -> Iterator[subtitles.Cue]:
        self._spool.seek(0)
        for line in self._spool:
            yield subtitles.Cue(*json.loads(line))
