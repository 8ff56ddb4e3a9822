"""An observer that keeps what subtitles are made of, and writes them at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pauses import PauseDetector
from voicecli.recording import subtitles
from voicecli.telemetry.events import Decoded, PlaybackEnded, SegmentEnded, SegmentPlaced
from voicecli.text.timing import SPEECH_PER_CHARACTER_S

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.playback.base import SinkReport
    from voicecli.telemetry.events import Event


class SubtitleTrack:
    """Follows one run; `write` when it has ended, also after an interruption."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pauses = PauseDetector()
        self._segments: dict[int, subtitles.PlacedSegment] = {}
        self._report: SinkReport | None = None

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        match event:
            case Decoded(_, pcm):
                self._pauses.feed(pcm)
            case SegmentPlaced(_, segment, starts_s):
                # Replaced once the segment has ended, unless the run ends before.
                ends_s = starts_s + SPEECH_PER_CHARACTER_S * len(segment.text)
                placed = subtitles.PlacedSegment(segment, starts_s, ends_s)
                self._segments[segment.number] = placed
            case SegmentEnded(_, segment, starts_s, ends_s):
                if starts_s is not None and ends_s is not None:
                    placed = subtitles.PlacedSegment(segment, starts_s, ends_s)
                    self._segments[segment.number] = placed
            case PlaybackEnded(_, report):
                self._report = report

    def write(self, spoken_s: float) -> str | None:
        """Write the file, and return its path; None if nothing was spoken.

        Raises:
            SaveError: it cannot be written.
        """
        report = self._report
        silences = (*report.underruns, *report.text_waits) if report else ()
        gaps = [subtitles.Gap(gap.at_s, gap.silence_s) for gap in silences]
        segments = [self._segments[number] for number in sorted(self._segments)]
        cues = subtitles.cues(segments, self._pauses.pauses, gaps, spoken_s)
        if not cues:
            return None
        subtitles.write(self._path, cues)
        return str(self._path)
