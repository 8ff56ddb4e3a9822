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
from tests.session.outputs import FakeOutput, null_output
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import (
    DeviceError,
    SaveError,
)
from voicecli.recording.saver import SaveReport
from voicecli.session import recording_thread
from voicecli.telemetry.lifecycle import State

OPENED = ScriptedSource.OPENED


def test_samples_and_bytes_are_kept(caplog):
    caplog.set_level("INFO")
    saver = RecordingSaver()
    session, _ = watched(saver=saver)
    data = sound(0.5) + sound(0.25)
    result = session.run([ScriptedSource([data[:4001], data[4001:]])])
    assert saver.frames == 6000
    assert saver.received == data
    assert saver.finished == [(None, "pcm")]
    assert result.saves == SaveReport(["a.wav"], None)
    assert not caplog.records, "the saving thread was waited for before its end"


def test_a_slow_disk_does_not_hold_up_the_sound():
    written = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(written))
    session, watcher = watched(saver=saver)
    run = Run(session, [ScriptedSource([sound(0.5)] * 10)])
    watcher.wait_for_state("done")
    assert saver.frames == 0, "heard to the end with nothing written yet"
    written.set()
    result = run.result()
    assert saver.frames == 40_000
    assert result.saves.error is None


@pytest.mark.parametrize("kind", ["discard", "no device"])
def test_if_nothing_is_heard_the_disk_sets_the_pace(monkeypatch, kind):
    # Room for what arrives before it turns out that there is no device, not for everything.
    monkeypatch.setattr(recording_thread, "BACKLOG_BYTES", 100_000)
    monkeypatch.setattr(recording_thread, "PACED_BYTES", 8000)
    output = null_output(output="discard")
    if kind == "no device":
        output = FakeOutput(optional=True)
        output.open_fault = DeviceError("no device")
    waited = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(waited))
    session, _ = watched(output=output, saver=saver)
    put = session._recording._queue.put

    def waiting(*arguments, **room):
        waited.set()
        return put(*arguments, **room)

    monkeypatch.setattr(session._recording._queue, "put", waiting)
    result = session.run([ScriptedSource([sound(0.5)] * 10)])
    assert (result.saves.error, saver.frames, len(saver.received)) == (None, 40_000, 80_000)


def test_a_disk_that_hangs_is_an_error(monkeypatch):
    monkeypatch.setattr(recording_thread, "SAVE_S", 0.01)
    written = threading.Event()
    saver = RecordingSaver(before_each=lambda: seen(written))
    session, _ = watched(saver=saver)
    result = session.run([ScriptedSource([sound(0.5)])])
    assert result.state is State.DONE
    assert isinstance(result.saves.error, SaveError)
    assert result.saves.saved == []
    assert saver.finished == [], "its thread is still writing"
    (left,) = [t for t in threading.enumerate() if t.name == "voicecli-saving"]
    written.set()
    left.join(20)


def test_an_error_of_the_saver_is_in_the_result():
    class Failing(RecordingSaver):
        def finish(self, *_):
            return SaveReport([], SaveError("disk full"))

    session, _ = watched(saver=Failing())
    result = session.run([ScriptedSource([sound(0.5)])])
    assert (result.state, result.error, result.spoken_s) == (State.DONE, None, 0.5)
    assert result.saves.error.message == "disk full"


def test_an_interrupted_recording_is_cut_in_its_own_rate():
    """A device at another rate than the recording's: seconds are what both share."""
    clock = FakeClock(holds=True)
    output = FakeOutput()
    opened = output.open
    output.open = lambda wanted, **options: opened(AudioFormat(16_000, 2), **options)
    saver = RecordingSaver()
    session, watcher = watched(clock, output=output, saver=saver)
    run = Run(session, [ScriptedSource([sound(1.0), UntilCancelled()])])
    watcher.wait_for_state("playing")
    clock.advance(0.25)
    session.cancel()
    assert run.result().spoken_s == 0.25
    assert saver.finished == [(2000, "pcm")]
