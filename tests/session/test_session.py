from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.session.fakes import (
    FakeClock,
    Run,
    ScriptedSource,
    UntilCancelled,
    cut_off,
    seen,
    settings,
    sound,
    watched,
)
from tests.session.outputs import FakeOutput, null_output
from voicecli.errors import (
    NetworkError,
)
from voicecli.playback.base import SinkReport
from voicecli.playback.history import History, HistoryKey
from voicecli.playback.output import Output, OutputSettings
from voicecli.recording.saver import SaveReport
from voicecli.session import Session
from voicecli.session import session as module
from voicecli.session.utterance import Utterance
from voicecli.sources.base import AnswerReport
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import InvalidTransition, State

OPENED = ScriptedSource.OPENED


def test_everything_is_heard_in_order():
    clock = FakeClock()
    output = FakeOutput()
    session, watcher = watched(clock, output=output)
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


def test_the_report_is_the_sinks():
    session, watcher = watched()
    result = session.run([ScriptedSource([sound(1.0)])])
    assert result.spoken_s == 1.0
    assert result.report.first_sound_at == 1000.0
    assert result.report.last_sound_at == 1001.0
    assert watcher.all(events.PlaybackEnded) == [events.PlaybackEnded(1001.0, result.report)]


def test_clock_and_settings_are_optional():
    source = ScriptedSource([cut_off()])
    result = Session(Output(OutputSettings(output="null"))).run([source])
    assert result.state is State.FAILED
    assert isinstance(result.error, NetworkError)
    assert result.report == SinkReport()
    assert result.saves == SaveReport()


def test_a_wait_for_the_first_sound_is_reported():
    session, watcher = watched(FakeClock())
    answered = threading.Event()
    run = Run(session, [ScriptedSource([lambda: seen(answered), sound(0.25)])])
    watcher.wait_for_event(events.Waited)
    assert not watcher.all(events.Progressed)
    answered.set()
    assert run.result().state is State.DONE
    kinds = [type(event) for event in watcher.events]
    assert events.Waited not in kinds[kinds.index(events.PlaybackStarted) :]


def test_progress_is_reported():
    clock = FakeClock(holds=True)
    session, watcher = watched(clock, start_s=0.5)
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


def test_an_underrun_is_reported_once():
    clock = FakeClock(holds=True)
    session, watcher = watched(clock)
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
    gaps = [event.underrun for event in watcher.all(events.UnderrunEnded)]
    assert [(gap.at_s, gap.silence_s) for gap in gaps] == [(0.5, 1.5), (1.0, 1.5)]
    assert result.report.underruns == tuple(gaps)
    assert result.spoken_s == 1.25


def test_without_sources_it_ends_at_once():
    session, watcher = watched()
    result = session.run([])
    assert (result.state, result.spoken_s) == (State.DONE, 0.0)
    assert watcher.states == ["connecting", "draining", "done"]
    assert not watcher.all(events.PlaybackEnded)


def test_a_session_is_used_once():
    session, _ = watched()
    session.run([])
    with pytest.raises(InvalidTransition):
        session.run([])


def test_sessions_can_run_at_once():
    gate = threading.Barrier(2, timeout=20)
    runs = []
    for value in (1, 2):
        session, watcher = watched()
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


def test_sources_may_be_a_generator_that_blocks():
    session, watcher = watched()
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
    asked, released = threading.Event(), threading.Event()
    session, watcher = watched()

    def sources():
        asked.set()
        seen(released)
        yield ScriptedSource([sound(0.5)])

    run = Run(session, sources())
    seen(asked)
    session.cancel()
    assert run.result().state is State.CANCELLED
    assert "voicecli-source did not end" in caplog.text
    count = len(watcher.events)
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-source"]
    released.set()
    left.join(20)
    assert len(watcher.events) == count, "observers may be gone by now"


def test_spawned_threads_are_joined():
    session, _ = watched()
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


def test_an_unknown_expected_format_is_ignored():
    session = Session(null_output(), settings(expected_format="vorbis"), clock=FakeClock())
    assert session.run([ScriptedSource([sound(0.5)])]).state is State.DONE


def test_the_volume_reaches_the_sink():
    clock = FakeClock()
    output = FakeOutput()
    session = Session(output, settings(volume=0.5), clock=clock)
    session.run([ScriptedSource([sound(0.25, 1000)])])
    assert set(output.sink.samples) == {500}
    assert np.concatenate(output.sink.blocks).dtype == np.int16


class Runs(History):
    """A history without a file."""

    def __init__(self, key=None):
        super().__init__(key or HistoryKey("a script", "m", "pcm"))
        self.added = []

    def recent(self):
        return (0.25,)

    def add(self, needed_s):
        self.added.append(needed_s)


@pytest.mark.parametrize(
    ("steps", "output", "added"),
    [
        ([sound(0.5)], "null", [-0.5]),  # nothing followed what came first
        ([sound(0.5), cut_off()], "null", []),
        ([sound(0.5)], "discard", []),
        ([], "null", []),
    ],
    ids=["complete", "failed", "not heard", "empty"],
)
def test_only_a_run_that_was_heard_to_its_end_is_remembered(steps, output, added):
    history = Runs()
    session, _ = watched(output=null_output(output=output), history=history)
    session.run([ScriptedSource(steps)])
    assert history.added == added


KOKORO = HistoryKey("http://one/v1", "kokoro", "pcm")


@pytest.mark.parametrize(
    ("speakers", "is_cached", "is_added"),
    [
        ([KOKORO, KOKORO], False, True),
        ([None, KOKORO], False, True),
        ([KOKORO._replace(endpoint="http://two/v1")], False, False),
        ([KOKORO, KOKORO._replace(model="tts-1")], False, False),
        ([KOKORO, KOKORO._replace(format="opus")], False, False),
        ([KOKORO], True, False),
    ],
)
def test_what_others_spoke_is_not_remembered_of_an_endpoint(speakers, is_cached, is_added):
    history = Runs(KOKORO)
    session, _ = watched(output=null_output(), history=history)
    report = AnswerReport(is_cached=is_cached)
    sources = [ScriptedSource([sound(0.25)], report=report) for _ in speakers]
    result = session.run(
        Utterance(source, speaker=speaker)
        for source, speaker in zip(sources, speakers, strict=True)
    )
    assert result.state is State.DONE
    assert bool(history.added) == is_added
