from __future__ import annotations

from tests.session.fakes import Watcher
from voicecli.playback.base import SinkReport, Underrun
from voicecli.session.playback_events import PlaybackEvents
from voicecli.telemetry import events
from voicecli.telemetry.observers import Observers

GAPS = (Underrun(1.0, 0.1), Underrun(2.0, 0.2))


def events_of(*reports, end=None):
    watcher = Watcher()
    playback = PlaybackEvents(Observers([watcher]))
    for report in reports:
        playback.follow(report)
    if end is not None:
        playback.conclude(end, 9.0)
    return watcher.events


def test_each_event_is_reported_once():
    begun = SinkReport(first_sound_at=5.0)
    one, two = (SinkReport(first_sound_at=5.0, underruns=GAPS[:n]) for n in (1, 2))
    assert events_of(SinkReport(), begun, begun, one, one, two) == [
        events.PlaybackStarted(5.0),
        events.UnderrunEnded(GAPS[0]),
        events.UnderrunEnded(GAPS[1]),
    ]


def test_the_end_reports_what_is_new():
    end = SinkReport(first_sound_at=5.0, last_sound_at=8.0, underruns=GAPS[:1])
    assert events_of(end=end) == [
        events.PlaybackStarted(5.0),
        events.UnderrunEnded(GAPS[0]),
        events.PlaybackEnded(8.0, end),
    ]


def test_the_end_is_now_if_nothing_was_heard():
    assert events_of(end=SinkReport()) == [events.PlaybackEnded(9.0, SinkReport())]
