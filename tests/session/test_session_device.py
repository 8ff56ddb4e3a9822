from __future__ import annotations

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
from voicecli.errors import DeviceError, ThreadError
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State

OPENED = ScriptedSource.OPENED


def test_without_a_device_nothing_is_spoken():
    clock = FakeClock()
    output = FakeOutput()
    output.prepare_fault = DeviceError("no device")
    session, watcher = watched(clock, output=output)
    waiting = UntilCancelled()
    source = ScriptedSource([sound(0.5), waiting])
    result = session.run([source])
    assert result.error is output.prepare_fault
    assert (result.state, result.no_device, result.spoken_s) == (State.FAILED, None, 0.0)
    assert source.cancelled.is_set()
    assert len(watcher.all(events.Failed)) == 1


@pytest.mark.parametrize("where", ["prepare_fault", "open_fault"])
def test_without_an_optional_device_saving_continues(where):
    clock = FakeClock()
    output = FakeOutput(optional=True)
    fault = DeviceError("no device")
    setattr(output, where, fault)
    saver = RecordingSaver()
    session, _ = watched(clock, output=output, saver=saver)
    result = session.run([ScriptedSource([sound(0.5), sound(0.5)])])
    assert (result.state, result.error, result.no_device) == (State.DONE, None, fault)
    assert result.spoken_s == 1.0, "taken, as nothing was to be heard"
    assert result.report.first_sound_at is None
    assert saver.frames == 8000
    assert saver.finished == [(None, "pcm")]


@pytest.mark.parametrize("fault", [DeviceError("busy"), ThreadError("no thread to write")])
def test_a_device_that_fails_while_opening_is_fatal(fault):
    clock = FakeClock()
    output = FakeOutput()
    output.open_fault = fault
    session, _ = watched(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5), UntilCancelled()])])
    assert (result.error, result.state) == (fault, State.FAILED)


def test_a_sound_system_that_hangs_is_an_error():
    output = FakeOutput(prepare_timeout_s=0.01)
    preparing, hung = threading.Event(), threading.Event()

    def prepare():
        preparing.set()
        seen(hung)

    output.before_preparing = prepare
    session, watcher = watched(output=output)
    run = Run(session, [ScriptedSource([lambda: seen(preparing), sound(0.5)])])
    watcher.wait_for_event(events.Failed)
    hung.set()
    result = run.result()
    assert isinstance(result.error, DeviceError)
    assert "not answered" in result.error.message


def test_a_device_that_fails_midway_ends_the_run_at_once():
    clock = FakeClock()
    output = FakeOutput(breaks_after=4000)
    saver = RecordingSaver()
    session, _ = watched(clock, output=output, saver=saver)
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
    assert output.devices_forgotten == 1


def test_a_device_that_does_not_play_to_the_end_is_an_error():
    clock = FakeClock()
    output = FakeOutput(plays_out=False)
    session, _ = watched(clock, output=output)
    result = session.run([ScriptedSource([sound(0.5)])])
    assert isinstance(result.error, DeviceError)
    assert "has stopped playing" in result.error.message
