"""How fetching ends early: cancelled, or at a deadline."""

from __future__ import annotations

import pytest

from tests.session.fakes import ScriptedSource, UntilCancelled, cut_off, seen
from tests.session.fetching import Rig
from voicecli.errors import NetworkError, RateLimited, SourceTimeout
from voicecli.session.items import StreamEnd
from voicecli.telemetry.events import ReceivedAll

OPENED = ScriptedSource.OPENED
RETRYABLE = NetworkError("reset", retryable=True)


# Cancelling


def test_cancelled_before_it_begins_it_opens_nothing():
    rig = Rig()
    prepared = []
    source = ScriptedSource([b"a"], prepares=lambda: prepared.append(1))
    rig.fetcher.cancel()
    assert rig.run(source) == []
    assert (source.opened, prepared, rig.fault) == (0, [], None)


@pytest.mark.parametrize("raises", [None, cut_off()])
@pytest.mark.parametrize("before", [[], [OPENED], [b"a"]], ids=["opening", "first", "later"])
def test_cancelled_it_ends_without_a_fault_and_without_a_stream_end(before, raises):
    rig = Rig(retries=3)
    waiting = UntilCancelled(raises)
    steps = [*before, waiting, *([OPENED] if before == [] else [])]
    thread = rig.in_thread(ScriptedSource(steps), ScriptedSource([b"never"]))
    seen(waiting.reached)
    rig.fetcher.cancel()
    rig.fetcher.cancel()
    thread.join()
    assert rig.fault is None
    assert StreamEnd() not in rig.items
    assert not rig.watcher.all(ReceivedAll)


def test_cancelled_while_it_waits_to_retry():
    rig = Rig(retries=3, holds=True)
    source = ScriptedSource([RETRYABLE, OPENED])
    thread = rig.in_thread(source)
    seen(rig.clock.waited_on)
    rig.clock.advance(0.25)  # half of the wait
    rig.fetcher.cancel()
    thread.join()
    assert (rig.fault, source.opened) == (None, 1)


def test_cancelled_while_a_source_prepares():
    rig = Rig()
    source = ScriptedSource([b"a"], prepares=rig.fetcher.cancel)
    assert rig.run(source) == []
    assert source.opened == 0


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


@pytest.mark.parametrize(
    ("before", "after_s", "says"),
    [([], 10.0, "a script sent nothing for 10 s"), ([b"a"], 4.5, "stopped sending for 4.5 s")],
)
def test_an_expired_deadline_is_a_timeout(before, after_s, says):
    rig = Rig(first_byte_s=10.0, stall_s=4.5, retries=3)
    waiting = UntilCancelled(RETRYABLE)
    source = ScriptedSource([*before, waiting])
    thread = rig.in_thread(source)
    seen(waiting.reached)
    rig.clock.advance(after_s)
    with pytest.raises(SourceTimeout) as raised:
        rig.fetcher.check_deadline()
    assert says in raised.value.message
    assert "--timeout" in raised.value.remedy
    rig.fetcher.cancel()
    thread.join()
    assert rig.fetcher.check_deadline() is None
    assert (rig.fault, source.opened) == (None, 1), "the source's own complaint is not a fault"
    assert StreamEnd() not in rig.items


def test_without_limits_it_waits_for_ever():
    rig = Rig(first_byte_s=None, stall_s=None)
    looked = []

    def look():
        looked.append(rig.fetcher.check_deadline())

    rig.run(ScriptedSource([1e6, look, b"a", 1e6, look], clock=rig.clock))
    assert looked == [None, None]


def test_time_that_the_consumer_takes_does_not_count_as_silence():
    rig = Rig(first_byte_s=1.0, stall_s=1.0)
    for _ in rig.fetcher.items([ScriptedSource([b"a", b"b"])]):
        rig.clock.advance(1000.0)
        assert rig.fetcher.check_deadline() is None


def test_a_wait_before_a_retry_does_not_count_as_silence():
    rig = Rig(retries=1, holds=True, first_byte_s=1.0)
    thread = rig.in_thread(ScriptedSource([RateLimited("429", retry_after_s=30.0), OPENED], [b"a"]))
    seen(rig.clock.waited_on)
    rig.clock.advance(20.0)
    assert rig.fetcher.check_deadline() is None
    rig.clock.advance(10.0)
    thread.join()
    assert rig.fault is None
