from __future__ import annotations

import pytest

from tests.session.fakes import ScriptedSource
from tests.session.fetching import Rig
from voicecli.errors import ConfigError, NetworkError, RateLimited
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.telemetry.events import (
    Answered,
    Connected,
    Received,
    ReceivedAll,
    Requested,
    RequestSent,
    Retrying,
)

OPENED = ScriptedSource.OPENED
RETRYABLE = NetworkError("reset", retryable=True)


def test_each_source_yields_a_start_its_bytes_and_an_end():
    rig = Rig()
    info = SourceInfo("mp3", "audio/mpeg", None, None)
    first, second = ScriptedSource([b"a", b"bc"], info=info), ScriptedSource([b"d"])
    assert rig.run(first, second) == [
        StreamStart(info), b"a", b"bc", StreamEnd(),
        StreamStart(second.info), b"d", StreamEnd(),
    ]  # fmt: skip
    assert (first.closed, second.closed) == (1, 1)
    assert rig.fault is None


def test_reports_each_event_at_its_time():
    rig = Rig()
    source = ScriptedSource([1.0, OPENED, 2.0, b"abc", 4.0, b"d", 8.0], clock=rig.clock)
    rig.run(source)
    assert rig.watcher.events == [
        Requested(1000.0, "a script"),
        RequestSent(1000.0),
        Answered(1001.0, source.info),
        Received(1003.0, b"abc"),
        Received(1007.0, b"d"),
        ReceivedAll(1015.0),
    ]
    assert rig.released_at == [1000.0, 1015.0]


def test_reports_connections():
    class Connecting(ScriptedSource):
        def open(self, events):
            events.connected()
            return super().open(events)

    rig = Rig()
    rig.run(Connecting([b"a"]))
    assert rig.watcher.all(Connected) == [Connected(1000.0)]


def test_audio_in_events_starts_without_their_content_type():
    rig = Rig()
    info = SourceInfo("pcm", "Text/Event-Stream; charset=utf-8", 8000, 1)
    rig.run(ScriptedSource([b"a"], info=info))
    assert rig.items[0] == StreamStart(SourceInfo("pcm", None, 8000, 1))
    assert rig.watcher.all(Answered)[0].info == info


def test_a_source_without_a_request_releases_slow_imports_before_it_prepares():
    rig = Rig()
    released = []
    source = ScriptedSource(
        [b"a"], prepares=lambda: released.append(len(rig.released_at)), sends_request=False
    )
    rig.run(source)
    assert released == [1]
    assert rig.watcher.all(RequestSent) == []


def test_a_source_with_a_request_releases_nothing_while_it_prepares():
    rig = Rig()
    released = []
    rig.run(ScriptedSource([b"a"], prepares=lambda: released.append(len(rig.released_at))))
    assert released == [0]


def test_preparing_comes_before_the_request():
    rig = Rig()
    rig.run(ScriptedSource([b"a"], prepares=lambda: rig.clock.advance(5.0)))
    assert rig.watcher.all(Requested) == [Requested(1005.0, "a script")]


def test_without_sources_there_is_nothing_to_wait_for():
    rig = Rig()
    assert rig.run() == []
    assert len(rig.released_at) == 1


def test_a_source_without_bytes_still_starts_and_ends():
    source = ScriptedSource([])
    assert Rig().run(source) == [StreamStart(source.info), StreamEnd()]


def test_a_fault_after_bytes_is_final_and_leaves_the_stream_without_an_end():
    rig = Rig(retries=5)
    source = ScriptedSource([b"a", RETRYABLE])
    assert rig.run(source, ScriptedSource([b"never"])) == [StreamStart(source.info), b"a"]
    assert rig.fault is RETRYABLE
    assert (source.opened, source.closed) == (1, 1)
    assert not rig.watcher.all(ReceivedAll)


def test_a_fault_in_the_iterable_of_sources_is_raised():
    def sources():
        yield ScriptedSource([b"a"])
        raise ConfigError("no such file")

    with pytest.raises(ConfigError, match="no such file"):
        list(Rig().fetcher.items(sources()))


def test_a_fault_while_preparing_is_not_retried():
    rig = Rig(retries=5)
    calls = []

    def prepare():
        calls.append(1)
        raise RETRYABLE

    assert rig.run(ScriptedSource([b"a"], prepares=prepare)) == []
    assert (rig.fault, calls) == (RETRYABLE, [1])


def test_a_bug_passes_through():
    source = ScriptedSource([b"a", ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        list(Rig(retries=5).fetcher.items([source]))
    assert source.closed == 1


def test_closing_the_generator_closes_the_response():
    rig = Rig()
    source = ScriptedSource([b"a", b"never"])
    items = rig.fetcher.items([source])
    assert [next(items), next(items)] == [StreamStart(source.info), b"a"]
    items.close()
    assert source.closed == 1
    assert not rig.watcher.all(ReceivedAll)


# Retries


@pytest.mark.parametrize("place", ["while opening", "instead of a byte"])
def test_retries_while_nothing_has_arrived(place):
    rig = Rig(retries=3)
    attempt = [RETRYABLE, OPENED] if place == "while opening" else [OPENED, RETRYABLE]
    source = ScriptedSource(attempt, attempt, [b"a"])
    assert rig.run(source) == [StreamStart(source.info), b"a", StreamEnd()]
    assert source.opened == 3
    assert rig.watcher.all(Retrying) == [
        Retrying(1000.0, RETRYABLE, 0.5),
        Retrying(1000.5, RETRYABLE, 1.0),
    ]
    assert [event.at for event in rig.watcher.all(Requested)] == [1000.0, 1000.5, 1001.5]
    assert rig.fault is None


def test_gives_up_when_the_retries_are_used_up():
    rig = Rig(retries=3)
    source = ScriptedSource([RETRYABLE, OPENED])
    assert rig.run(source) == []
    assert rig.fault is RETRYABLE
    assert rig.fault.__cause__ is None
    assert source.opened == 4
    assert rig.clock.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(("asked_s", "waits"), [(7.0, [7.0]), (0.0, [])])
def test_waits_as_long_as_the_server_asks(asked_s, waits):
    rig = Rig(retries=1)
    rig.run(ScriptedSource([RateLimited("429", retry_after_s=asked_s), OPENED], [b"a"]))
    assert (rig.fault, rig.clock.waits) == (None, waits)


def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for():
    fault = RateLimited("429", retry_after_s=5.5)
    rig = Rig(retries=5, longest_wait_s=5.0)
    assert rig.run(ScriptedSource([fault, OPENED])) == []
    assert (rig.fault, rig.clock.waits) == (fault, [])
