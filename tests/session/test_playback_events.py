from __future__ import annotations

from tests.session.fakes import Watcher
from voicecli.playback.base import SinkReport, Underrun
from voicecli.session.playback_events import Narrator
from voicecli.telemetry.observers import Observers

HOLES = (Underrun(1.0, 0.1), Underrun(2.0, 0.2))


def told_of(*reports, end=None):
    watcher = Watcher()
    narrator = Narrator(Observers([watcher]))
    for report in reports:
        narrator.follow(report)
    if end is not None:
        narrator.conclude(end, 9.0)
    return watcher.told


def test_each_thing_is_told_once_however_often_it_is_reported():
    begun = SinkReport(first_sound_at=5.0)
    one, two = (SinkReport(first_sound_at=5.0, underruns=HOLES[:n]) for n in (1, 2))
    assert told_of(SinkReport(), begun, begun, one, one, two) == [
        ("playback_started", (5.0,)),
        ("underran", (HOLES[0],)),
        ("underran", (HOLES[1],)),
    ]


def test_the_end_brings_what_was_not_told_before_it():
    end = SinkReport(first_sound_at=5.0, last_sound_at=8.0, underruns=HOLES[:1])
    assert [hook for hook, _ in told_of(end=end)] == [
        "playback_started", "underran", "playback_ended",
    ]  # fmt: skip
    assert told_of(end=end)[-1] == ("playback_ended", (8.0, end))


def test_where_nothing_was_heard_the_end_is_now():
    assert told_of(end=SinkReport()) == [("playback_ended", (9.0, SinkReport()))]
