"""What playback does, told to the observers as it happens, each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.playback.base import SinkReport
    from voicecli.telemetry.observers import Observers


class Narrator:
    """Tells what a sink's reports, each a fuller one, have that was not told yet.

    One thread at a time.
    """

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._has_started = False
        self._underruns_told = 0

    def follow(self, report: SinkReport) -> None:
        """Tell of the first sound and of underruns."""
        if report.first_sound_at is not None and not self._has_started:
            self._has_started = True
            self._observers.tell("playback_started", report.first_sound_at)
        for underrun in report.underruns[self._underruns_told :]:
            self._underruns_told += 1
            self._observers.tell("underran", underrun)

    def conclude(self, report: SinkReport, now: float) -> None:
        """Tell the rest and the end, which is ``now`` where nothing was heard."""
        self.follow(report)
        ended_at = now if report.last_sound_at is None else report.last_sound_at
        self._observers.tell("playback_ended", ended_at, report)
