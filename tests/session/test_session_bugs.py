from __future__ import annotations

import logging
import threading

import pytest

from tests.session.fakes import (
    FakeClock,
    RecordingSaver,
    Run,
    ScriptedSource,
    UntilCancelled,
    seen,
    sound,
    watched,
)
from tests.session.outputs import FakeOutput
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State

OPENED = ScriptedSource.OPENED


def raise_(fault):
    raise fault


class Failing:
    def __init__(self, kind):
        self._kind = kind
        self.calls = 0

    def __call__(self, event):
        if isinstance(event, self._kind):
            self.calls += 1
            raise ZeroDivisionError


def test_a_bug_in_a_source_is_raised_after_cleaning_up():
    clock = FakeClock(holds=True)
    output = FakeOutput()
    saver = RecordingSaver()
    session, watcher = watched(clock, output=output, saver=saver)
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


def test_a_bug_in_a_decoder_is_raised(monkeypatch):
    from voicecli.codecs.decoding.pcm import PcmDecoder

    monkeypatch.setattr(PcmDecoder, "feed", lambda *_: 1 / 0)
    session, _ = watched()
    source = ScriptedSource([sound(1.0), UntilCancelled()])
    with pytest.raises(ZeroDivisionError):
        session.run([source])
    assert source.cancelled.is_set()
    assert session.state is State.FAILED


def test_a_bug_in_preparing_the_device_is_raised():
    clock = FakeClock()
    output = FakeOutput()
    output.prepare_fault = ZeroDivisionError()
    session, _ = watched(clock, output=output)
    with pytest.raises(ZeroDivisionError):
        session.run([ScriptedSource([sound(1.0), UntilCancelled()])])


def test_a_bug_that_shows_at_the_end_is_raised():
    class Saver(RecordingSaver):
        def pcm(self, block):
            watcher.wait_for_state("done")
            raise ZeroDivisionError

    session, watcher = watched(saver=Saver())
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
def test_an_observer_that_raises_is_dropped(kind, caplog):
    observer = Failing(kind)
    session, watcher = watched(observers=[observer])
    result = session.run([ScriptedSource([sound(0.5), sound(0.5)])])
    assert (result.state, result.spoken_s) == (State.DONE, 1.0)
    assert observer.calls == 1
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    assert watcher.all(kind)


def test_a_keyboard_interrupt_cleans_up(monkeypatch):
    session, _ = watched()
    source = ScriptedSource([sound(0.5), UntilCancelled()])
    monkeypatch.setattr(session, "_check_playback", lambda: raise_(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        session.run([source])
    assert session.state is State.FAILED


def test_a_keyboard_interrupt_at_the_end_leaves_the_state(monkeypatch):
    session, watcher = watched()
    looked = session._check_playback

    def look():
        if session.state is State.DONE:
            raise KeyboardInterrupt
        looked()

    monkeypatch.setattr(session, "_check_playback", look)
    with pytest.raises(KeyboardInterrupt):
        session.run([ScriptedSource([sound(0.5)])])
    assert watcher.states[-1] == "done"
