from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    FakeOutput,
    RecordingSaver,
    Run,
    ScriptedSource,
    UntilCancelled,
    Watcher,
    cut_off,
    null_output,
    seen,
    settings,
    sound,
    voice_threads,
)
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    DeviceError,
    NetworkError,
    RateLimited,
    SaveError,
    SourceTimeout,
    TruncatedStream,
    UnsupportedFormat,
)
from voicecli.playback.base import SinkReport
from voicecli.playback.output import Output, OutputSettings
from voicecli.playback.policy import BufferPolicy
from voicecli.recording.saver import SaveReport
from voicecli.session import Session, recording_thread
from voicecli.session import session as module
from voicecli.session.thread_group import ThreadGroup
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import InvalidTransition, State

OPENED = ScriptedSource.OPENED


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch):
    """What no message announces (the clock moved) is looked at often."""
    monkeypatch.setattr(module, "TICK_S", 0.002)


@pytest.fixture(autouse=True)
def _all_joined():
    yield
    assert voice_threads() == set()


def make(
    clock=None, *, output=None, start_s=0.0, saver=None, history=None, observers=(), **options
):
    """A session that is watched, on a clock that never makes anyone wait."""
    watcher = Watcher()
    session = Session(
        output or null_output(start_s),
        settings(**options),
        history=history,
        observers=[*observers, watcher],
        saver=saver,
        clock=clock or FakeClock(),
    )
    return session, watcher


# The way through


def test_everything_is_heard_in_order():
    clock = FakeClock()
    output = FakeOutput()
    session, watcher = make(clock, output=output)
    assert session.state is State.IDLE
    sources = [
        ScriptedSource([sound(0.25, 1), sound(0.25, 2)]),
        ScriptedSource([sound(0.25, 3)]),
        ScriptedSource([sound(0.25, 4)]),
    ]
    result = session.run(sources)
    assert (result.state, result.error, result.interrupted_at) == (State.DONE, None, None)
    assert session.state is State.DONE
    assert result.spoken_s == 1.0
    assert output.is_pcm is True
    assert output.sink.samples == [value for value in (1, 2, 3, 4) for _ in range(2000)]
    assert (output.sink.closes, output.sink.aborts) == (1, 0)
    assert [source.closed for source in sources] == [1, 1, 1]
    assert watcher.states[0] == "connecting"
    assert watcher.states[-2:] == ["draining", "done"]
    assert len(watcher.all(events.ReceivedAll)) == 1
    assert len(watcher.all(events.Recognised)) == 1
    assert len(watcher.all(events.PlaybackStarted)) == 1
    assert [event.label for event in watcher.all(events.Requested)] == ["a script"] * 3


def test_the_sink_that_was_asked_for_is_opened():
    session, watcher = make()
    result = session.run([ScriptedSource([sound(1.0)])])
    assert result.spoken_s == 1.0
    assert result.report.first_sound_at == 1000.0
    assert result.report.last_sound_at == 1001.0
    assert watcher.all(events.PlaybackEnded) == [events.PlaybackEnded(1001.0, result.report)]


def test_the_machines_own_clock_and_default_settings_serve_where_none_are_given():
    source = ScriptedSource([cut_off()])
    result = Session(Output(OutputSettings(output="null"))).run([source])
    assert result.state is State.FAILED
    assert isinstance(result.error, NetworkError)
    assert result.report == SinkReport()
    assert result.saves == SaveReport()


def test_a_wait_for_the_first_sound_is_told_while_it_goes_on():
    session, watcher = make(FakeClock())
    answered = threading.Event()
    run = Run(session, [ScriptedSource([lambda: seen(answered), sound(0.25)])])
    watcher.wait_for_event(events.Waited)
    assert not watcher.all(events.Progressed)
    answered.set()
    assert run.result().state is State.DONE
    kinds = [type(event) for event in watcher.events]
    assert events.Waited not in kinds[kinds.index(events.PlaybackStarted) :]


def test_playing_is_told_while_it_goes_on():
    clock = FakeClock(holds=True)
    session, watcher = make(clock, start_s=0.5)
    waiting, more = UntilCancelled(), threading.Event()
    source = ScriptedSource([sound(0.25), lambda: seen(more), sound(0.25), waiting])
    run = Run(session, [source])
    watcher.wait_for_state("buffering")
    watcher.wait_for_event(events.Progressed)
    assert not watcher.all(events.Progressed)[-1].snapshot.playing
    assert not watcher.all(events.PlaybackStarted)
    more.set()
    watcher.wait_for_state("playing")
    clock.advance(0.25)
    watcher.wait_for_event(events.PlaybackStarted)
    assert watcher.all(events.PlaybackStarted) == [events.PlaybackStarted(1000.0)]
    assert session.state is State.PLAYING
    session.cancel()
    assert run.result().state is State.CANCELLED


def test_a_hole_is_rebuffered_and_told_once():
    clock = FakeClock(holds=True)
    session, watcher = make(clock)
    gates = [threading.Event(), threading.Event()]
    source = ScriptedSource(
        [sound(0.5), lambda: seen(gates[0]), sound(0.5), lambda: seen(gates[1]), sound(0.25)]
    )
    run = Run(session, [source])
    for times, gate in enumerate(gates, 1):
        watcher.wait_for_state("playing", times)
        clock.advance(2.0)
        watcher.wait_for_state("rebuffering", times)
        gate.set()
    watcher.wait_for_state("draining")
    clock.advance(10.0)
    result = run.result()
    holes = [event.underrun for event in watcher.all(events.UnderrunEnded)]
    assert [(hole.at_s, hole.silence_s) for hole in holes] == [(0.5, 1.5), (1.0, 1.5)]
    assert result.report.underruns == tuple(holes)
    assert result.spoken_s == 1.25


def test_nothing_to_say_is_soon_said():
    session, watcher = make()
    result = session.run([])
    assert (result.state, result.spoken_s) == (State.DONE, 0.0)
    assert watcher.states == ["connecting", "draining", "done"]
    assert not watcher.all(events.PlaybackEnded)


def test_a_session_is_used_once():
    session, _ = make()
    session.run([])
    with pytest.raises(InvalidTransition):
        session.run([])


def test_sessions_at_once_do_not_know_each_other():
    gate = threading.Barrier(2, timeout=20)
    runs = []
    for value in (1, 2):
        session, watcher = make()
        heard = []
        session = Session(
            null_output(), settings(), observers=[watcher, Blocks(heard)], clock=FakeClock()
        )
        source = ScriptedSource([gate.wait, sound(0.5, value), gate.wait, sound(0.5, value)])
        runs.append((Run(session, [source]), heard, value))
    for run, heard, value in runs:
        assert run.result().spoken_s == 1.0
        assert heard == [value] * 8000


class Blocks:
    def __init__(self, heard):
        self._heard = heard

    def __call__(self, event):
        if isinstance(event, events.Decoded):
            self._heard += event.pcm.samples.ravel().tolist()


def test_sources_may_come_from_a_generator_that_waits():
    session, watcher = make()
    first_heard = threading.Event()

    def sources():
        yield ScriptedSource([sound(0.5)])
        seen(first_heard)
        yield ScriptedSource([sound(0.5)])

    run = Run(session, sources())
    watcher.wait_for_event(events.Decoded)
    first_heard.set()
    assert run.result().spoken_s == 1.0


def test_a_thread_that_cannot_be_woken_is_left_behind(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(module, "_JOIN_S", 0.01)
    asked, let_go = threading.Event(), threading.Event()
    session, watcher = make()

    def sources():
        asked.set()
        seen(let_go)
        yield ScriptedSource([sound(0.5)])

    run = Run(session, sources())
    seen(asked)
    session.cancel()
    assert run.result().state is State.CANCELLED
    assert "voicecli-source does not end" in caplog.text
    count = len(watcher.events)
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-source"]
    let_go.set()
    left.join(20)
    assert len(watcher.events) == count, "observers may be gone by now"


def test_threads_that_stages_ask_for_are_joined_too():
    session, _ = make()
    ended = []

    def helper():
        session.spawn(lambda: ended.append("grandchild"), "voicecli-grandchild")
        ended.append("child")

    source = ScriptedSource([sound(0.1)], prepares=lambda: session.spawn(helper, "voicecli-child"))
    session.run([source])
    assert sorted(ended) == ["child", "grandchild"]


def test_the_expected_decoder_is_loaded_while_the_server_thinks():
    session = Session(null_output(), settings(expected_format="wav"), clock=FakeClock())
    result = session.run([ScriptedSource([sound(0.5)])])
    assert result.spoken_s == 0.5


def test_an_expected_decoder_that_is_missing_does_not_matter_until_it_does():
    session = Session(null_output(), settings(expected_format="vorbis"), clock=FakeClock())
    assert session.run([ScriptedSource([sound(0.5)])]).state is State.DONE


def test_nothing_is_loaded_for_a_run_that_is_lost():
    clock = FakeClock()
    output = FakeOutput()
    session = Session(output, settings(expected_format="wav"), clock=clock)
    source = ScriptedSource([sound(1)], prepares=lambda: raise_(ConfigError("no such voice")))
    result = session.run([source])
    assert isinstance(result.error, ConfigError)
    assert output.prepared == 0
    assert source.opened == 0


def raise_(fault):
    raise fault


# Faults of the world


def test_what_arrived_before_a_fault_is_heard_and_then_the_fault_is_told():
    clock = FakeClock()
    output = FakeOutput(policy=BufferPolicy.fixed(5.0))
    session, watcher = make(clock, output=output)
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
def test_a_fault_before_any_byte_is_the_result(attempt):
    session, watcher = make(retries=3)
    result = session.run([ScriptedSource(attempt)])
    assert isinstance(result.error, AuthError)
    assert (result.state, result.spoken_s) == (State.FAILED, 0.0)
    assert len(watcher.all(events.Requested)) == 1
    assert not watcher.all(events.PlaybackEnded)


def test_a_decoding_fault_stops_the_source():
    session, watcher = make()
    waiting = UntilCancelled()
    mu_law = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x07\x00" + bytes(14)
    info = SourceInfo("wav", None)
    source = ScriptedSource([mu_law + b"data" + bytes(4), waiting], info=info)
    result = session.run([source])
    assert isinstance(result.error, UnsupportedFormat)
    assert source.cancelled.is_set()
    assert len(watcher.all(events.Failed)) == 1


def test_the_good_part_before_a_decoding_fault_is_heard():
    clock = FakeClock()
    output = FakeOutput()
    session, _ = make(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5) + b"\x01"])])
    assert isinstance(result.error, TruncatedStream)
    assert result.state is State.FAILED
    assert result.spoken_s == 0.5
    assert len(output.sink.samples) == 4000


def test_a_broken_source_is_to_blame_for_what_its_decoder_then_misses():
    session, watcher = make()
    result = session.run([ScriptedSource([sound(0.5) + b"\x01", cut_off()])])
    assert isinstance(result.error, NetworkError)
    assert result.spoken_s == 0.5
    assert len(watcher.all(events.Failed)) == 1


def test_an_empty_answer_is_no_success():
    session, _ = make()
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
def test_a_silent_source_is_given_up_however_it_takes_it(before, limit, what, raises):
    clock = FakeClock(holds=True)
    session, watcher = make(clock, retries=5, **{"first_byte_s": None, "stall_s": None, **limit})
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


def test_a_timeout_does_not_wait_for_a_source_that_does_not_notice(monkeypatch):
    monkeypatch.setattr(module, "_JOIN_S", 0.01)
    clock = FakeClock()
    session, _ = make(clock, first_byte_s=60)
    reached, let_go = threading.Event(), threading.Event()
    deaf = ScriptedSource([reached.set, lambda: seen(let_go), OPENED, sound(1.0)])
    run = Run(session, [deaf])
    seen(reached)
    clock.advance(61)
    result = run.result()
    assert isinstance(result.error, SourceTimeout)
    assert result.spoken_s == 0.0
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-source"]
    let_go.set()
    left.join(20)


def test_a_retry_that_succeeds_is_no_fault():
    session, watcher = make(retries=2)
    source = ScriptedSource(
        [NetworkError("reset", retryable=True), OPENED],
        [RateLimited("patience", retry_after_s=7.0), OPENED],
        [sound(0.5)],
    )
    result = session.run([source])
    assert (result.state, result.error, result.spoken_s) == (State.DONE, None, 0.5)
    assert [event.wait_s for event in watcher.all(events.Retrying)] == [0.5, 7.0]


def test_the_first_fault_wins():
    clock = FakeClock(holds=True)
    session, watcher = make(clock)
    told = threading.Event()
    first, second = NetworkError("first"), ConfigError("second")

    def later():
        seen(told)
        raise second

    run = Run(session, [ScriptedSource([sound(0.5), first])])
    watcher.wait_for_event(events.Failed)
    watcher.wait_for_state("draining")
    helper = session.spawn(later, "voicecli-later")
    told.set()
    helper.join()
    clock.holds = False
    clock.advance(1.0)
    result = run.result()
    assert result.error is first
    assert [event.error for event in watcher.all(events.Failed)] == [first]


def test_a_fault_of_a_helper_thread_ends_the_run():
    session, _ = make()
    waiting = UntilCancelled()
    fault = ConfigError("the tables are missing")
    source = ScriptedSource(
        [sound(0.5), waiting],
        prepares=lambda: session.spawn(lambda: raise_(fault), "voicecli-helper"),
    )
    result = session.run([source])
    assert result.error is fault
    assert result.state is State.FAILED


# The device


def test_without_a_device_nothing_is_spoken():
    clock = FakeClock()
    output = FakeOutput()
    output.prepare_fault = DeviceError("no device")
    session, watcher = make(clock, output=output)
    waiting = UntilCancelled()
    source = ScriptedSource([sound(0.5), waiting])
    result = session.run([source])
    assert result.error is output.prepare_fault
    assert (result.state, result.no_device, result.spoken_s) == (State.FAILED, None, 0.0)
    assert source.cancelled.is_set()
    assert len(watcher.all(events.Failed)) == 1


@pytest.mark.parametrize("where", ["prepare_fault", "open_fault"])
def test_without_a_device_saving_goes_on_where_that_is_wanted(where):
    clock = FakeClock()
    output = FakeOutput(optional=True)
    fault = DeviceError("no device")
    setattr(output, where, fault)
    saver = RecordingSaver()
    session, _ = make(clock, output=output, saver=saver)
    result = session.run([ScriptedSource([sound(0.5), sound(0.5)])])
    assert (result.state, result.error, result.no_device) == (State.DONE, None, fault)
    assert result.spoken_s == 1.0, "taken, as nothing was to be heard"
    assert result.report.first_sound_at is None
    assert saver.frames == 8000
    assert saver.finished == [(None, "pcm")]


def test_a_device_that_fails_while_opening_is_fatal():
    clock = FakeClock()
    output = FakeOutput()
    output.open_fault = DeviceError("busy")
    session, _ = make(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5), UntilCancelled()])])
    assert (result.error, result.state) == (output.open_fault, State.FAILED)


def test_a_sound_system_that_does_not_answer_is_no_device():
    output = FakeOutput(prepare_timeout_s=0.01)
    preparing, hung = threading.Event(), threading.Event()

    def prepare():
        preparing.set()
        seen(hung)

    output.before_preparing = prepare
    session, watcher = make(output=output)
    run = Run(session, [ScriptedSource([lambda: seen(preparing), sound(0.5)])])
    watcher.wait_for_event(events.Failed)
    hung.set()
    result = run.result()
    assert isinstance(result.error, DeviceError)
    assert "not answered" in result.error.message


def test_a_device_that_fails_midway_ends_everything_at_once():
    clock = FakeClock()
    output = FakeOutput(breaks_after=4000)
    saver = RecordingSaver()
    session, _ = make(clock, output=output, saver=saver)
    waiting = UntilCancelled()
    more = threading.Event()
    source = ScriptedSource([sound(0.5), lambda: seen(more), sound(0.25), waiting])
    run = Run(session, [source])
    seen(output.opened)
    output.sink.wait_for(4000)
    more.set()
    result = run.result()
    assert isinstance(result.error, DeviceError)
    assert result.state is State.FAILED
    assert source.cancelled.is_set()
    assert output.sink.aborts == 1
    assert saver.finished == [(None, "pcm")], "what was decoded is kept whole"


def test_a_device_that_does_not_play_to_the_end_is_a_fault():
    clock = FakeClock()
    output = FakeOutput(plays_out=False)
    session, _ = make(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5)])])
    assert isinstance(result.error, DeviceError)
    assert "to the end" in result.error.message


# Cancelling


def connecting(clock):
    waiting = UntilCancelled()
    return [ScriptedSource([waiting, OPENED])], lambda watcher: seen(waiting.reached), 0.0


def buffering(clock):
    waiting = UntilCancelled()
    source = ScriptedSource([sound(0.25), waiting])
    return [source], lambda watcher: watcher.wait_for_state("buffering"), 0.0


def playing(clock):
    waiting = UntilCancelled(cut_off())  # being cancelled is no fault of the source

    def reached(watcher):
        watcher.wait_for_state("playing")
        clock.advance(0.25)

    return [ScriptedSource([sound(1.0), waiting])], reached, 0.25


def rebuffering(clock):
    waiting = UntilCancelled()

    def reached(watcher):
        watcher.wait_for_state("playing")
        clock.advance(3.0)
        watcher.wait_for_state("rebuffering")

    return [ScriptedSource([sound(1.0), waiting])], reached, 1.0


def draining(clock):
    def reached(watcher):
        watcher.wait_for_state("draining")
        clock.advance(0.5)

    return [ScriptedSource([sound(1.0)])], reached, 0.5


def full(clock):
    """Playing, with more behind than a sink takes, so that everybody waits for room."""

    def reached(watcher):
        seen(clock.waited_on)
        clock.advance(0.5)

    return [ScriptedSource([sound(40.0), sound(1.0), sound(1.0)])], reached, 0.5


def retrying(clock):
    source = ScriptedSource([NetworkError("reset", retryable=True), OPENED])
    return [source], lambda watcher: seen(clock.waited_on), 0.0


STAGES = [connecting, buffering, playing, rebuffering, draining, full, retrying]


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_in_any_state_it_ends_with_what_was_heard(stage):
    clock = FakeClock(holds=True)
    saver = RecordingSaver()
    session, watcher = make(clock, start_s=0.5, saver=saver, retries=1)
    sources, reached, spoken_s = stage(clock)
    run = Run(session, sources)
    reached(watcher)
    session.cancel()
    session.cancel()
    result = run.result()
    assert (result.state, result.error) == (State.CANCELLED, None)
    assert result.interrupted_at == clock.now()
    assert result.spoken_s == spoken_s
    assert watcher.states[-1] == "cancelled"
    assert not watcher.all(events.Failed)
    decoded = bool(watcher.all(events.Decoded))
    expected = FORMAT.frames(spoken_s) if decoded else None
    assert saver.finished == [(expected, "pcm" if decoded else "bin")]
    session.cancel()
    assert session.state is State.CANCELLED


def test_cancelled_before_it_runs_it_asks_for_nothing():
    saver = RecordingSaver()
    session, watcher = make(saver=saver)
    source = ScriptedSource([sound(1.0)])
    session.cancel()
    result = session.run([source])
    assert result.state is State.CANCELLED
    assert result.interrupted_at == 1000.0
    assert source.opened == 0
    assert watcher.states == ["connecting", "cancelled"]
    assert result.saves == SaveReport()


def test_cancelled_after_it_ran_nothing_changes():
    session, _ = make()
    session.run([ScriptedSource([sound(0.1)])])
    session.cancel()
    assert session.state is State.DONE


def test_cancelled_while_the_device_opens_it_stays_silent():
    clock = FakeClock(holds=True)
    output = FakeOutput()
    opening, let_go = threading.Event(), threading.Event()

    def before_opening():
        opening.set()
        seen(let_go)

    output.before_opening = before_opening
    session, watcher = make(clock, output=output)
    run = Run(session, [ScriptedSource([sound(1.0), UntilCancelled()])])
    seen(opening)
    session.cancel()
    watcher.wait_for_state("cancelled")
    let_go.set()
    result = run.result()
    assert result.state is State.CANCELLED
    assert result.spoken_s == 0.0
    assert output.sink.aborts >= 1
    assert result.report.first_sound_at is None


def test_a_source_that_stumbles_over_being_cancelled_is_forgiven():
    session, _ = make()
    waiting = UntilCancelled(ZeroDivisionError("half closed"))
    run = Run(session, [ScriptedSource([waiting])])
    seen(waiting.reached)
    session.cancel()
    assert run.result().state is State.CANCELLED


def test_a_fault_that_comes_with_the_cancelling_is_not_told():
    session, watcher = make()
    started = threading.Event()

    def warm():
        started.set()
        watcher.wait_for_state("cancelled")
        raise ConfigError("too late")

    run = Run(session, [ScriptedSource([sound(0.1)], prepares=warm)])
    seen(started)
    session.cancel()
    result = run.result()
    assert (result.state, result.error) == (State.CANCELLED, None)


# Defects


class Defective:
    def __init__(self, kind):
        self._kind = kind
        self.calls = 0

    def __call__(self, event):
        if isinstance(event, self._kind):
            self.calls += 1
            raise ZeroDivisionError


def test_a_defect_in_a_source_is_raised_once_all_is_tidy():
    clock = FakeClock(holds=True)
    output = FakeOutput()
    saver = RecordingSaver()
    session, watcher = make(clock, output=output, saver=saver)
    heard = threading.Event()
    source = ScriptedSource([sound(1.0), lambda: seen(heard), ZeroDivisionError()])
    run = Run(session, [source])
    watcher.wait_for_state("playing")
    heard.set()
    with pytest.raises(ZeroDivisionError):
        run.result()
    assert session.state is State.FAILED
    assert (output.sink.aborts, output.sink.closes) == (1, 1)
    assert len(saver.finished) == 1
    assert watcher.states[-1] == "failed"


def test_a_defect_in_a_decoder_is_raised(monkeypatch):
    from voicecli.codecs.decoding.pcm import PcmDecoder

    monkeypatch.setattr(PcmDecoder, "feed", lambda *_: 1 / 0)
    session, _ = make()
    source = ScriptedSource([sound(1.0), UntilCancelled()])
    with pytest.raises(ZeroDivisionError):
        session.run([source])
    assert source.cancelled.is_set()
    assert session.state is State.FAILED


def test_a_defect_in_preparing_the_device_is_raised():
    clock = FakeClock()
    output = FakeOutput()
    output.prepare_fault = ZeroDivisionError()
    session, _ = make(clock, output=output)
    with pytest.raises(ZeroDivisionError):
        session.run([ScriptedSource([sound(1.0), UntilCancelled()])])


def test_a_defect_that_shows_only_at_the_end_is_raised_too():
    class Saver(RecordingSaver):
        def pcm(self, block):
            watcher.wait_for_state("done")
            raise ZeroDivisionError

    session, watcher = make(saver=Saver())
    with pytest.raises(ZeroDivisionError):
        session.run([ScriptedSource([sound(0.1)])])
    assert session.state is State.DONE, "it was heard, nevertheless"


@pytest.mark.parametrize(
    "kind",
    [
        events.Requested,
        events.Received,
        events.Decoded,
        events.StateChanged,
        events.Progressed,
        events.PlaybackEnded,
    ],
)
def test_a_defective_observer_is_dropped_and_nothing_else_changes(kind, caplog):
    observer = Defective(kind)
    session, watcher = make(observers=[observer])
    result = session.run([ScriptedSource([sound(0.5), sound(0.5)])])
    assert (result.state, result.spoken_s) == (State.DONE, 1.0)
    assert observer.calls == 1
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    assert watcher.all(kind)


def test_an_interrupt_that_is_an_exception_tidies_up(monkeypatch):
    session, _ = make()
    source = ScriptedSource([sound(0.5), UntilCancelled()])
    monkeypatch.setattr(session, "_check_playback", lambda: raise_(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        session.run([source])
    assert session.state is State.FAILED


def test_an_interrupt_that_comes_when_all_is_over_changes_nothing(monkeypatch):
    session, watcher = make()
    looked = session._check_playback

    def look():
        if session.state is State.DONE:
            raise KeyboardInterrupt
        looked()

    monkeypatch.setattr(session, "_check_playback", look)
    with pytest.raises(KeyboardInterrupt):
        session.run([ScriptedSource([sound(0.5)])])
    assert watcher.states[-1] == "done"


# Saving


def test_everything_is_kept_as_it_was_decoded_and_as_it_was_received():
    saver = RecordingSaver()
    session, _ = make(saver=saver)
    data = sound(0.5) + sound(0.25)
    result = session.run([ScriptedSource([data[:4001], data[4001:]])])
    assert saver.frames == 6000
    assert saver.received == data
    assert saver.finished == [(None, "pcm")]
    assert result.saves == SaveReport(["a.wav"], None)


def test_a_slow_disk_never_holds_up_the_sound():
    written = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(written))
    session, watcher = make(saver=saver)
    run = Run(session, [ScriptedSource([sound(0.5)] * 10)])
    watcher.wait_for_state("done")
    assert saver.frames == 0, "heard to the end with nothing written yet"
    written.set()
    result = run.result()
    assert saver.frames == 40_000
    assert result.saves.error is None


@pytest.mark.parametrize("kind", ["discard", "no device"])
def test_where_nothing_is_heard_the_disk_sets_the_pace(monkeypatch, kind):
    # Room for all that arrives before it shows that there is no device, not for all there is.
    monkeypatch.setattr(recording_thread, "BACKLOG_BYTES", 100_000)
    monkeypatch.setattr(recording_thread, "PACED_BYTES", 8000)
    output = null_output(output="discard")
    if kind == "no device":
        output = FakeOutput(optional=True)
        output.open_fault = DeviceError("no device")
    waited = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(waited))
    session, _ = make(output=output, saver=saver)
    put = session._recording._queue.put

    def waiting(*arguments, **room):
        waited.set()
        return put(*arguments, **room)

    monkeypatch.setattr(session._recording._queue, "put", waiting)
    result = session.run([ScriptedSource([sound(0.5)] * 10)])
    assert (result.saves.error, saver.frames, len(saver.received)) == (None, 40_000, 80_000)


def test_a_disk_that_never_answers_is_told(monkeypatch):
    monkeypatch.setattr(recording_thread, "SAVE_S", 0.01)
    written = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(written))
    session, _ = make(saver=saver)
    result = session.run([ScriptedSource([sound(0.5)])])
    assert result.state is State.DONE
    assert isinstance(result.saves.error, SaveError)
    assert result.saves.saved == []
    assert saver.finished == [], "its thread is still writing"
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-saving"]
    written.set()
    left.join(20)


def test_an_error_of_the_saver_is_in_the_result_and_not_in_the_way():
    class Failing(RecordingSaver):
        def finish(self, *_):
            return SaveReport([], SaveError("disk full"))

    session, _ = make(saver=Failing())
    result = session.run([ScriptedSource([sound(0.5)])])
    assert (result.state, result.error, result.spoken_s) == (State.DONE, None, 0.5)
    assert result.saves.error.message == "disk full"


def test_a_recording_is_cut_at_what_was_heard_by_its_own_rate():
    """A device at another rate than the recording's: seconds are what both share."""
    clock = FakeClock(holds=True)
    output = FakeOutput()
    opened = output.open
    output.open = lambda wanted, **options: opened(AudioFormat(16_000, 2), **options)
    saver = RecordingSaver()
    session, watcher = make(clock, output=output, saver=saver)
    run = Run(session, [ScriptedSource([sound(1.0), UntilCancelled()])])
    watcher.wait_for_state("playing")
    clock.advance(0.25)
    session.cancel()
    assert run.result().spoken_s == 0.25
    assert saver.finished == [(2000, "pcm")]


def test_the_volume_reaches_the_sink():
    clock = FakeClock()
    output = FakeOutput()
    session = Session(output, settings(volume=0.5), clock=clock)
    session.run([ScriptedSource([sound(0.25, 1000)])])
    assert set(output.sink.samples) == {500}
    assert np.concatenate(output.sink.blocks).dtype == np.int16


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_cancelled_run_waits_less_for_threads_that_cannot_be_woken(monkeypatch, is_cancelled):
    limits = []
    join = ThreadGroup.join
    monkeypatch.setattr(
        ThreadGroup,
        "join",
        lambda crew, limit_s, **k: limits.append(limit_s) or join(crew, limit_s, **k),
    )
    session = Session(null_output(output="discard"))
    if is_cancelled:
        session.cancel()
    session.run([])
    assert limits == [1.0 if is_cancelled else 5.0]
