from __future__ import annotations

import threading

import pytest

from tests.session.fakes import (
    FakeClock,
    Run,
    ScriptedSource,
    UntilCancelled,
    cut_off,
    seen,
    sound,
    watched,
)
from tests.session.outputs import FakeOutput
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceTimeout,
    TruncatedStream,
    UnsupportedFormat,
)
from voicecli.playback.policy import BufferPolicy
from voicecli.session import session as module
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State

OPENED = ScriptedSource.OPENED


def raise_(fault):
    raise fault


def test_what_arrived_before_an_error_is_heard():
    clock = FakeClock()
    output = FakeOutput(policy=BufferPolicy.fixed(5.0))
    session, watcher = watched(clock, output=output)
    fault = cut_off()
    unused = ScriptedSource([sound(1.0)])
    result = session.run([ScriptedSource([sound(0.5, 1), sound(0.5, 2), fault]), unused])
    assert (result.state, result.error, result.spoken_s) == (State.FAILED, fault, 1.0)
    assert len(output.sink.samples) == 8000
    assert [event.error for event in watcher.all(events.Failed)] == [fault]
    assert unused.opened == 0
    assert not watcher.all(events.ReceivedAll)
    assert watcher.states[-2:] == ["draining", "failed"]


@pytest.mark.parametrize(
    "attempt",
    [[AuthError("no key"), OPENED], [OPENED, AuthError("no key")]],
    ids=["on entering", "instead of the first byte"],
)
def test_an_error_before_any_byte_is_the_result(attempt):
    session, watcher = watched(retries=3)
    result = session.run([ScriptedSource(attempt)])
    assert isinstance(result.error, AuthError)
    assert (result.state, result.spoken_s) == (State.FAILED, 0.0)
    assert len(watcher.all(events.Requested)) == 1
    assert not watcher.all(events.PlaybackEnded)


def test_a_decoding_error_stops_the_source():
    session, watcher = watched()
    waiting = UntilCancelled()
    adpcm = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x02\x00" + bytes(14)
    info = SourceInfo("wav", None)
    source = ScriptedSource([adpcm + b"data" + bytes(4), waiting], info=info)
    result = session.run([source])
    assert isinstance(result.error, UnsupportedFormat)
    assert source.cancelled.is_set()
    assert len(watcher.all(events.Failed)) == 1


def test_what_was_decoded_before_an_error_is_heard():
    clock = FakeClock()
    output = FakeOutput()
    session, _ = watched(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5) + b"\x01"])])
    assert isinstance(result.error, TruncatedStream)
    assert result.state is State.FAILED
    assert result.spoken_s == 0.5
    assert len(output.sink.samples) == 4000


def test_the_error_of_a_broken_source_comes_before_the_decoders():
    session, watcher = watched()
    result = session.run([ScriptedSource([sound(0.5) + b"\x01", cut_off()])])
    assert isinstance(result.error, NetworkError)
    assert result.spoken_s == 0.5
    assert len(watcher.all(events.Failed)) == 1


def test_an_empty_answer_is_an_error():
    session, _ = watched()
    result = session.run([ScriptedSource([])])
    assert isinstance(result.error, BadResponse)
    assert result.state is State.FAILED


@pytest.mark.parametrize("raises", [None, cut_off()], ids=["ends quietly", "raises"])
@pytest.mark.parametrize(
    ("before", "limit", "what"),
    [
        ([], {"first_byte_s": 60}, "sent nothing for 60 s"),
        ([OPENED], {"first_byte_s": 60}, "sent nothing for 60 s"),
        ([sound(0.5)], {"stall_s": 7.5}, "stopped sending for 7.5 s"),
    ],
    ids=["connecting", "no first byte", "stalled"],
)
def test_a_silent_source_times_out(before, limit, what, raises):
    clock = FakeClock(holds=True)
    session, watcher = watched(clock, retries=5, **{"first_byte_s": None, "stall_s": None, **limit})
    waiting = UntilCancelled(raises)
    source = ScriptedSource([*before, waiting, *([] if OPENED in before else [OPENED])])
    if sound(0.5) in before:
        source = ScriptedSource([*before, waiting])
    run = Run(session, [source])
    seen(waiting.reached)
    if sound(0.5) in before:
        watcher.wait_for_state("playing")
    clock.advance(next(iter(limit.values())) - 0.01)
    assert not source.cancelled.is_set()
    clock.holds = False
    clock.advance(0.02)
    result = run.result()
    assert isinstance(result.error, SourceTimeout)
    assert what in result.error.message
    assert "--timeout" in result.error.remedy
    assert result.state is State.FAILED
    assert result.spoken_s == (0.5 if sound(0.5) in before else 0.0)
    assert len(watcher.all(events.Failed)) == 1
    assert len(watcher.all(events.Requested)) == 1, "a timeout is not tried again"


def test_a_timeout_does_not_wait_for_a_source_that_cannot_be_cancelled(monkeypatch):
    monkeypatch.setattr(module, "_JOIN_S", 0.01)
    clock = FakeClock()
    session, _ = watched(clock, first_byte_s=60)
    reached, released = threading.Event(), threading.Event()
    stuck = ScriptedSource([reached.set, lambda: seen(released), OPENED, sound(1.0)])
    run = Run(session, [stuck])
    seen(reached)
    clock.advance(61)
    result = run.result()
    assert isinstance(result.error, SourceTimeout)
    assert result.spoken_s == 0.0
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-fetch-0"]
    released.set()
    left.join(20)


def test_a_retry_that_succeeds_is_not_an_error():
    session, watcher = watched(retries=2)
    source = ScriptedSource(
        [NetworkError("reset", retryable=True), OPENED],
        [RateLimited("patience", retry_after_s=7.0), OPENED],
        [sound(0.5)],
    )
    result = session.run([source])
    assert (result.state, result.error, result.spoken_s) == (State.DONE, None, 0.5)
    assert [event.wait_s for event in watcher.all(events.Retrying)] == [0.5, 7.0]


def test_the_first_error_is_kept():
    clock = FakeClock(holds=True)
    session, watcher = watched(clock)
    reported = threading.Event()
    first, second = NetworkError("first"), ConfigError("second")

    def later():
        seen(reported)
        raise second

    run = Run(session, [ScriptedSource([sound(0.5), first])])
    watcher.wait_for_event(events.Failed)
    watcher.wait_for_state("draining")
    helper = session.spawn(later, "voicecli-later")
    reported.set()
    helper.join()
    clock.holds = False
    clock.advance(1.0)
    result = run.result()
    assert result.error is first
    assert [event.error for event in watcher.all(events.Failed)] == [first]


def test_an_error_of_a_helper_thread_ends_the_run():
    session, _ = watched()
    waiting = UntilCancelled()
    fault = ConfigError("the tables are missing")
    source = ScriptedSource(
        [sound(0.5), waiting],
        prepares=lambda: session.spawn(lambda: raise_(fault), "voicecli-helper"),
    )
    result = session.run([source])
    assert result.error is fault
    assert result.state is State.FAILED


def test_nothing_is_loaded_once_a_run_has_failed():
    clock = FakeClock()
    output = FakeOutput()
    session, _ = watched(clock, output=output, expected_format="wav")
    source = ScriptedSource([sound(1)], prepares=lambda: raise_(ConfigError("no such voice")))
    result = session.run([source])
    assert isinstance(result.error, ConfigError)
    assert output.prepared == 0
    assert source.opened == 0
