from __future__ import annotations

import threading

import pytest

from tests.session.fakes import FakeClock, ScriptedSource, UntilCancelled, Watcher, seen
from voicecli.errors import ConfigError, NetworkError, SourceTimeout
from voicecli.session.channel import Channel
from voicecli.session.fetcher import FetchLimits
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.session.source_thread import SourceThread
from voicecli.telemetry.events import Received
from voicecli.telemetry.observers import Observers


class Rig:
    """A source thread with everything around it."""

    def __init__(self, chunks=None, **limits):
        self.clock = FakeClock()
        self.watcher = Watcher()
        self.chunks = chunks or Channel(1 << 20)
        self.failed = []
        self.kept = b""
        self.source_thread = SourceThread(
            self.chunks,
            FetchLimits(**limits),
            self.clock,
            Observers([self.watcher]),
            on_sent=lambda: None,
            on_bytes=self._keep,
            fail=self._fail,
        )

    def _keep(self, data):
        self.kept += data

    def _fail(self, error):
        assert self.chunks.offer(b"still open"), "reported only after the channel ended"
        self.failed.append(error)

    def items(self):
        """What was passed on, without what `_fail` put there."""
        found = []
        while items := self.chunks.take():
            found += items
        return [item for item in found if item != b"still open"]

    def in_thread(self, *sources):
        thread = threading.Thread(target=self.source_thread.run, args=(sources,))
        thread.start()
        return thread


def test_passes_everything_on_and_ends_the_channel():
    rig = Rig()
    source = ScriptedSource([b"a", b"bc"])
    rig.source_thread.run([source])
    assert rig.items() == [StreamStart(source.info), b"a", b"bc", StreamEnd()]
    assert (rig.kept, rig.failed) == (b"abc", [])


@pytest.mark.parametrize("fault", [NetworkError("cut"), ConfigError("no such voice")])
def test_a_fault_is_reported_before_the_channel_ends(fault):
    rig = Rig()
    rig.source_thread.run([ScriptedSource([b"a", fault])])
    assert rig.items()[1:] == [b"a"]
    assert rig.failed == [fault]


def test_a_bug_passes_through_and_ends_nothing():
    rig = Rig()
    with pytest.raises(ZeroDivisionError):
        rig.source_thread.run([ScriptedSource([b"a", ZeroDivisionError()])])
    assert rig.chunks.offer(b"open"), "ended, it would look like success for a moment"


def test_a_closed_channel_stops_it():
    rig = Rig()
    source = ScriptedSource([b"a", rig.chunks.close, b"b", b"never"])
    rig.source_thread.run([source, ScriptedSource([b"never"])])
    assert [event.data for event in rig.watcher.all(Received)] == [b"a", b"b"]
    assert (source.closed, rig.failed) == (1, [])


@pytest.mark.parametrize("steps", [[b"a" * 20, b"b" * 20], [b"a" * 25]], ids=["bytes", "the end"])
def test_waiting_for_room_is_no_stall(steps):
    class Watched(Channel):
        def put(self, item, weight=1):
            if item in (b"b" * 20, StreamEnd()):
                full.set()
            return super().put(item, weight)

    full = threading.Event()
    rig = Rig(Watched(25), stall_s=1.0)
    source = ScriptedSource(steps)
    thread = rig.in_thread(source)
    if len(steps) == 1:
        assert rig.chunks.take() == [StreamStart(source.info)]
    seen(full)
    rig.clock.advance(1000.0)
    assert rig.source_thread.check_deadline() is None
    assert [item for item in rig.items() if isinstance(item, bytes)] == steps
    thread.join()
    assert rig.failed == []


def test_a_silent_source_is_given_up_without_waiting_for_it():
    rig = Rig(first_byte_s=10.0)
    waiting = UntilCancelled(NetworkError("reset", retryable=True))
    thread = rig.in_thread(ScriptedSource([waiting]))
    seen(waiting.reached)
    assert rig.source_thread.check_deadline() == 10.0
    rig.clock.advance(10.0)
    assert rig.source_thread.check_deadline() is None
    (error,) = rig.failed
    assert isinstance(error, SourceTimeout)
    assert rig.items() == []
    thread.join()
    assert rig.source_thread.check_deadline() is None
    assert len(rig.failed) == 1
