"""Turn a sink's reports into events, each reported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.telemetry.events import PlaybackEnded, PlaybackStarted, UnderrunEnded

if TYPE_CHECKING:
    from voicecli.playback.base import SinkReport
    from voicecli.telemetry.observers import Observers


class PlaybackEvents:
    """Notifies observers of what is new in a sink's reports; one thread at a time."""

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._has_started = False
        self._underruns = 0

    def follow(self, report: SinkReport) -> None:
        """Report the first sound, and underruns that have ended."""
        if report.first_sound_at is not None and not self._has_started:
            self._has_started = True
            self._observers.notify(PlaybackStarted(report.first_sound_at))
        for underrun in report.underruns[self._underruns :]:
            self._underruns += 1
            self._observers.notify(UnderrunEnded(underrun))

    def conclude(self, report: SinkReport, now: float) -> None:
        """Report the rest and the end, which is ``now`` if nothing was heard."""
        self.follow(report)
        ended_at = now if report.last_sound_at is None else report.last_sound_at
        self._observers.notify(PlaybackEnded(ended_at, report))
