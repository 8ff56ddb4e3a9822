from __future__ import annotations

import threading

import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    RecordingSaver,
    Run,
    ScriptedSource,
    UntilCancelled,
    cut_off,
    seen,
    sound,
    watched,
)
from tests.session.outputs import FakeOutput, null_output
from voicecli.errors import (
    ConfigError,
    NetworkError,
)
from voicecli.session import Session
from voicecli.session.thread_group import ThreadGroup
from voicecli.session.utterance import Utterance
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State
from voicecli.text.segment import Segment, Sentence, Span

OPENED = ScriptedSource.OPENED


def connecting(clock):
    waiting = UntilCancelled()
    return [ScriptedSource([waiting, OPENED])], lambda watcher: seen(waiting.reached), 0.0


def buffering(clock):
    waiting = UntilCancelled()
    source = ScriptedSource([sound(0.25), waiting])
    return [source], lambda watcher: watcher.wait_for_state("buffering"), 0.0


def playing(clock):
    waiting = UntilCancelled(cut_off())  # being cancelled is not an error of the source

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
def test_cancelling_in_any_state_keeps_what_was_heard(stage):
    clock = FakeClock(holds=True)
    saver = RecordingSaver()
    session, watcher = watched(clock, start_s=0.5, saver=saver, retries=1)
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


def test_cancelled_before_it_runs_it_makes_no_request():
    saver = RecordingSaver()
    session, watcher = watched(saver=saver)
    source = ScriptedSource([sound(1.0)])
    session.cancel()
    result = session.run([source])
    assert result.state is State.CANCELLED
    assert result.interrupted_at == 1000.0
    assert source.opened == 0
    assert watcher.states == ["connecting", "cancelled"]
    assert saver.finished == [(0, "bin")]  # so that files that were opened are closed


def test_cancelling_afterwards_has_no_effect():
    session, _ = watched()
    session.run([ScriptedSource([sound(0.1)])])
    session.cancel()
    assert session.state is State.DONE


def test_cancelled_while_the_device_opens_it_stays_silent():
    clock = FakeClock(holds=True)
    output = FakeOutput()
    opening, released = threading.Event(), threading.Event()

    def before_opening():
        opening.set()
        seen(released)

    output.before_opening = before_opening
    session, watcher = watched(clock, output=output)
    run = Run(session, [ScriptedSource([sound(1.0), UntilCancelled()])])
    seen(opening)
    session.cancel()
    watcher.wait_for_state("cancelled")
    released.set()
    result = run.result()
    assert result.state is State.CANCELLED
    assert result.spoken_s == 0.0
    assert output.sink.aborts >= 1
    assert result.report.first_sound_at is None


def test_an_exception_of_a_cancelled_source_is_ignored():
    session, _ = watched()
    waiting = UntilCancelled(ZeroDivisionError("half closed"))
    run = Run(session, [ScriptedSource([waiting])])
    seen(waiting.reached)
    session.cancel()
    assert run.result().state is State.CANCELLED


def test_an_error_during_cancelling_is_not_reported():
    session, watcher = watched()
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


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_cancelled_run_waits_less_for_stuck_threads(monkeypatch, is_cancelled):
    limits = []
    join = ThreadGroup.join
    monkeypatch.setattr(
        ThreadGroup,
        "join",
        lambda group, limit_s, **k: limits.append(limit_s) or join(group, limit_s, **k),
    )
    session = Session(null_output(output="discard"))
    if is_cancelled:
        session.cancel()
    session.run([])
    assert limits == [0.3 if is_cancelled else 5.0]


def test_one_segment_is_cancelled_while_its_neighbours_are_heard_to_the_end():
    def utterance(number, *steps):
        sentence = Sentence(number, f"Sentence {number}.", Span(0, 11))
        return Utterance(ScriptedSource([*steps]), Segment(number, (sentence,)))

    output, waiting = FakeOutput(), UntilCancelled()
    session = Session(output)
    middle = utterance(1, waiting)
    run = Run(session, [utterance(0, sound(0.05, 1000)), middle, utterance(2, sound(0.05, 2000))])
    seen(waiting.reached)
    session.control.cancel_utterance(1)
    result = run.result()
    assert (result.state, result.error) == (State.DONE, None)
    assert middle.source.cancelled.is_set()
    assert output.sink.samples == [1000] * 400 + [2000] * 400
