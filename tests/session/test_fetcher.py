from __future__ import annotations

import threading

import pytest

from tests.session.fakes import FakeClock, ScriptedSource, UntilCancelled, Watcher, cut_off, seen
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceTimeout,
)
from voicecli.session.channel import Channel
from voicecli.session.fetcher import Fetcher, FetchLimits, StreamEnd, StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.observers import Observers

OPENED = ScriptedSource.OPENED
RETRYABLE = NetworkError("reset", retryable=True)


class Rig:
    """A fetcher with everything around it; its `run` needs no thread unless a script waits."""

    def __init__(self, *, capacity=1 << 20, holds=False, **limits):
        self.clock = FakeClock(holds=holds)
        self.watcher = Watcher()
        self.chunks = Channel(capacity)
        self.failed = []
        self.sent = []
        self.kept = b""
        self.fetcher = Fetcher(
            self.chunks,
            FetchLimits(**limits),
            self.clock,
            Observers([self.watcher]),
            on_sent=lambda: self.sent.append(self.clock.now()),
            on_bytes=self._keep,
            fail=self._fail,
        )

    def _keep(self, data):
        self.kept += data

    def _fail(self, error):
        assert self.chunks.offer(b"still open"), "told only after the handoff ended"
        self.failed.append(error)

    def run(self, *sources):
        self.fetcher.run(sources)
        return self.items()

    def items(self):
        """What was passed on, without what `_fail` put there to look."""
        found = []
        while items := self.chunks.take():
            found += items
        return [item for item in found if item != b"still open"]

    def in_thread(self, *sources):
        thread = threading.Thread(target=self.fetcher.run, args=(sources,), name="test-fetcher")
        thread.start()
        return thread


def test_passes_on_what_comes_with_its_start_and_its_end():
    rig = Rig()
    info = SourceInfo("mp3", "audio/mpeg", None, None)
    first, second = ScriptedSource([b"a", b"bc"], info=info), ScriptedSource([b"d"])
    assert rig.run(first, second) == [
        StreamStart(info), b"a", b"bc", StreamEnd(),
        StreamStart(second.info), b"d", StreamEnd(),
    ]  # fmt: skip
    assert rig.kept == b"abcd"
    assert (first.left, second.left) == (1, 1)
    assert rig.failed == []


def test_tells_what_happens_when():
    rig = Rig()
    source = ScriptedSource([1.0, OPENED, 2.0, b"abc", 4.0, b"d", 8.0], clock=rig.clock)
    rig.run(source)
    assert rig.watcher.events == [
        events.Requested(1000.0, "a script"),
        events.RequestSent(1000.0),
        events.Answered(1001.0, source.info),
        events.Received(1003.0, b"abc"),
        events.Received(1007.0, b"d"),
        events.ReceivedAll(1015.0),
    ]
    assert rig.sent == [1000.0, 1015.0]


def test_what_a_source_says_while_it_warms_up_is_no_request_that_was_sent():
    rig = Rig()
    first = ScriptedSource([b"a"])
    second = ScriptedSource([b"b"])

    def warm():
        second._sent()

    second.warm = warm
    rig.run(first, second)
    assert len(rig.watcher.all(events.Requested)) == len(rig.watcher.all(events.RequestSent)) == 2
    assert len(rig.sent) == 4, "twice while running, once while warming, once at the end"


def test_no_source_is_an_end_and_no_wait():
    rig = Rig()
    assert rig.run() == []
    assert len(rig.sent) == 1


def test_an_empty_source_is_whole():
    rig = Rig()
    source = ScriptedSource([])
    assert rig.run(source) == [StreamStart(source.info), StreamEnd()]


def test_a_fault_after_bytes_leaves_the_stream_without_an_end():
    rig = Rig(retries=5)
    source = ScriptedSource([b"a", RETRYABLE])
    assert rig.run(source, ScriptedSource([b"never"])) == [StreamStart(source.info), b"a"]
    assert rig.failed == [RETRYABLE]
    assert source.entered == 1
    assert not rig.watcher.all(events.ReceivedAll)


def test_a_fault_of_whoever_makes_the_sources_is_told():
    rig = Rig()
    fault = ConfigError("no such file")

    def sources():
        yield ScriptedSource([b"a"])
        raise fault

    rig.fetcher.run(sources())
    assert rig.items()[1:] == [b"a", StreamEnd()]
    assert rig.failed == [fault]


def test_a_fault_on_warming_up_is_not_tried_again():
    rig = Rig(retries=5)
    calls = []

    def warm():
        calls.append(1)
        raise RETRYABLE

    assert rig.run(ScriptedSource([b"a"], warms=warm)) == []
    assert (rig.failed, calls) == ([RETRYABLE], [1])


def test_a_defect_passes_through_and_ends_nothing():
    rig = Rig()
    with pytest.raises(ZeroDivisionError):
        rig.run(ScriptedSource([b"a", ZeroDivisionError()]))
    assert rig.chunks.offer(b"open"), "ended, it would look like success for a moment"


# Trying again


@pytest.mark.parametrize("place", ["on entering", "instead of a byte"])
def test_tries_again_while_nothing_came(place):
    rig = Rig(retries=3)
    attempt = [RETRYABLE, OPENED] if place == "on entering" else [OPENED, RETRYABLE]
    source = ScriptedSource(attempt, attempt, [b"a"])
    assert rig.run(source) == [StreamStart(source.info), b"a", StreamEnd()]
    assert source.entered == 3
    assert rig.watcher.all(events.Retrying) == [
        events.Retrying(1000.0, RETRYABLE, 0.5),
        events.Retrying(1000.5, RETRYABLE, 1.0),
    ]
    assert [event.at for event in rig.watcher.all(events.Requested)] == [1000.0, 1000.5, 1001.5]
    assert rig.failed == []


def test_gives_up_when_the_retries_are_used_up():
    rig = Rig(retries=3)
    source = ScriptedSource([RETRYABLE, OPENED])
    assert rig.run(source) == []
    assert rig.failed == [RETRYABLE]
    assert source.entered == 4
    assert rig.clock.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "fault", [AuthError("no"), NetworkError("refused"), BadResponse("400"), ConfigError("no")]
)
def test_does_not_repeat_what_cannot_succeed(fault):
    rig = Rig(retries=3)
    source = ScriptedSource([fault, OPENED])
    assert rig.run(source) == []
    assert (rig.failed, source.entered) == ([fault], 1)
    assert fault.__cause__ is None


@pytest.mark.parametrize(("asked_s", "waited_s"), [(7.0, 7.0), (0.0, None), (60.0, 60.0)])
def test_waits_as_long_as_the_server_asks(asked_s, waited_s):
    rig = Rig(retries=1, longest_wait_s=60.0)
    source = ScriptedSource([RateLimited("429", retry_after_s=asked_s), OPENED], [b"a"])
    rig.run(source)
    assert rig.failed == []
    assert rig.clock.waits == ([] if waited_s is None else [waited_s])


def test_waits_its_own_time_where_the_server_does_not_say():
    rig = Rig(retries=1)
    rig.run(ScriptedSource([RateLimited("429"), OPENED], [b"a"]))
    assert rig.clock.waits == [0.5]


@pytest.mark.parametrize("asked_s", [60.5, 1e9, float("inf")])
def test_a_server_that_asks_for_too_much_patience_is_told_of(asked_s):
    rig = Rig(retries=5, longest_wait_s=60.0)
    fault = RateLimited("429", retry_after_s=asked_s)
    assert rig.run(ScriptedSource([fault, OPENED])) == []
    assert rig.failed == [fault]
    assert rig.clock.waits == []


def test_no_retries_means_none():
    rig = Rig(retries=0)
    source = ScriptedSource([RETRYABLE, OPENED])
    rig.run(source)
    assert (rig.failed, source.entered) == ([RETRYABLE], 1)


# Being cancelled


def test_cancelled_before_it_begins_it_enters_nothing():
    rig = Rig()
    warmed = []
    source = ScriptedSource([b"a"], warms=lambda: warmed.append(1))
    rig.fetcher.cancel()
    assert rig.run(source) == []
    assert (source.entered, warmed, rig.failed) == (0, [], [])


@pytest.mark.parametrize("raises", [None, cut_off()])
@pytest.mark.parametrize("before", [[], [OPENED], [b"a"]], ids=["entering", "first", "later"])
def test_cancelled_it_stops_without_a_fault_and_without_an_end(before, raises):
    rig = Rig(retries=3)
    waiting = UntilCancelled(raises)
    steps = [*before, waiting, *([OPENED] if before == [] else [])]
    thread = rig.in_thread(ScriptedSource(steps), ScriptedSource([b"never"]))
    seen(waiting.reached)
    rig.fetcher.cancel()
    rig.fetcher.cancel()
    thread.join()
    assert rig.failed == []
    assert StreamEnd() not in rig.items()
    assert not rig.watcher.all(events.ReceivedAll)


def test_cancelled_while_it_waits_to_try_again():
    rig = Rig(retries=3, holds=True)
    source = ScriptedSource([RETRYABLE, OPENED])
    thread = rig.in_thread(source)
    seen(rig.clock.waited_on)
    rig.clock.advance(0.25)  # half of the pause: not yet
    rig.fetcher.cancel()
    thread.join()
    assert (rig.failed, source.entered) == ([], 1)


def test_cancelled_while_it_warms_up():
    rig = Rig()
    source = ScriptedSource([b"a"], warms=rig.fetcher.cancel)
    assert rig.run(source) == []
    assert source.entered == 0


def test_a_handoff_that_was_closed_ends_it():
    rig = Rig()
    source = ScriptedSource([b"a", rig.chunks.close, b"b", b"never"])
    rig.run(source, ScriptedSource([b"never"]))
    assert [event.data for event in rig.watcher.all(events.Received)] == [b"a", b"b"]
    assert (source.left, rig.failed) == (1, [])


# Deadlines


def test_the_first_byte_has_its_deadline_and_every_next_one_another():
    rig = Rig(first_byte_s=10.0, stall_s=4.0)
    left = []

    def look():
        left.append(rig.fetcher.check_deadline())

    source = ScriptedSource(
        [look, 3.0, look, OPENED, 3.0, look, b"a", look, 3.0, look, b"b", look],
        clock=rig.clock,
    )
    rig.run(source)
    assert left == [10.0, 7.0, 4.0, 4.0, 1.0, 4.0]
    assert rig.fetcher.check_deadline() is None
    assert rig.failed == []


@pytest.mark.parametrize(
    ("before", "after_s", "says"),
    [([], 10.0, "a script sent nothing for 10 s"), ([b"a"], 4.5, "stopped sending for 4.5 s")],
)
def test_past_the_deadline_the_source_is_given_up_at_once(before, after_s, says):
    rig = Rig(first_byte_s=10.0, stall_s=4.5, retries=3)
    waiting = UntilCancelled(RETRYABLE)
    source = ScriptedSource([*before, waiting])
    thread = rig.in_thread(source)
    seen(waiting.reached)
    rig.clock.advance(after_s)
    assert rig.fetcher.check_deadline() is None
    (error,) = rig.failed
    assert isinstance(error, SourceTimeout)
    assert says in error.message
    thread.join()
    assert rig.fetcher.check_deadline() is None
    assert len(rig.failed) == 1, "what it says of being cancelled is not told"
    assert source.entered == 1
    assert StreamEnd() not in rig.items()


def test_without_limits_it_waits_for_ever():
    rig = Rig(first_byte_s=None, stall_s=None)
    looked = []

    def look():
        looked.append(rig.fetcher.check_deadline())

    rig.run(ScriptedSource([1e6, look, b"a", 1e6, look], clock=rig.clock))
    assert looked == [None, None]


def test_waiting_for_room_is_no_stall():
    class Watched(Channel):
        def put(self, item, weight=1):
            if item == b"b" * 20:
                full.set()
            return super().put(item, weight)

    full = threading.Event()
    rig = Rig(stall_s=1.0)
    rig.chunks = rig.fetcher._chunks = Watched(25)
    thread = rig.in_thread(ScriptedSource([b"a" * 20, b"b" * 20]))
    seen(full)
    rig.clock.advance(1000.0)
    assert rig.fetcher.check_deadline() is None
    assert [item for item in rig.items() if isinstance(item, bytes)] == [b"a" * 20, b"b" * 20]
    thread.join()
    assert rig.failed == []


def test_waiting_to_pass_on_the_end_is_no_stall():
    class Watched(Channel):
        def put(self, item, weight=1):
            if isinstance(item, StreamEnd):
                ending.set()
            return super().put(item, weight)

    ending = threading.Event()
    rig = Rig(stall_s=1.0)
    rig.chunks = rig.fetcher._chunks = Watched(20)
    source = ScriptedSource([b"a" * 25])
    thread = rig.in_thread(source)
    assert rig.chunks.take() == [StreamStart(source.info)]
    seen(ending)
    rig.clock.advance(1000.0)
    assert rig.fetcher.check_deadline() is None
    assert rig.items() == [b"a" * 25, StreamEnd()]
    thread.join()
    assert rig.failed == []


def test_a_pause_before_trying_again_is_no_silence_of_the_source():
    rig = Rig(retries=1, holds=True, first_byte_s=1.0)
    thread = rig.in_thread(ScriptedSource([RateLimited("429", retry_after_s=30.0), OPENED], [b"a"]))
    seen(rig.clock.waited_on)
    rig.clock.advance(20.0)
    assert rig.fetcher.check_deadline() is None
    rig.clock.advance(10.0)
    thread.join()
    assert rig.failed == []
