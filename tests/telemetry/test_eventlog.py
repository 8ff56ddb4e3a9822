from __future__ import annotations

import errno
import io
import json
import threading

import numpy as np
import pytest

from tests.session.fakes import (
    FakeClock,
    Run,
    ScriptedSource,
    UntilCancelled,
    Watcher,
    cut_off,
    settings,
    sound,
)
from tests.session.outputs import null_output
from voicecli.audio.pcm import Pcm
from voicecli.errors import NetworkError, SaveError
from voicecli.playback.base import SinkReport, Underrun
from voicecli.session import Session
from voicecli.telemetry import events
from voicecli.telemetry.eventlog import EventLog
from voicecli.telemetry.lifecycle import State

BLOCK = Pcm(np.zeros((10, 1), np.int16), 8000)


class Log:
    def __init__(self):
        self.file = io.StringIO()
        self.clock = FakeClock()
        self.observer = EventLog(self.file, "run1", self.clock)

    @property
    def lines(self):
        text = self.file.getvalue()
        assert text == "" or text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]


def test_the_line_of_each_event():
    log = Log()
    observe = log.observer
    observe(events.Requested(1000.0, "http://127.0.0.1/v1"))
    log.clock.advance(2.5)
    observe(events.Decoded(1001.0, BLOCK, 0.0))
    observe(events.Decoded(1002.0, BLOCK, 0.0))
    observe(events.PlaybackStarted(1001.25))
    observe(events.UnderrunEnded(Underrun(0.123456, 0.08512)))
    observe(
        events.PlaybackEnded(
            1002.0, SinkReport(first_sound_at=1001.25, underruns=(Underrun(1, 2),))
        )
    )
    observe(events.Failed(1002.5, NetworkError("cut — off", remedy="try again")))
    common = {"run_id": "run1"}
    assert log.lines == [
        {"event": "TTS_REQUEST", **common, "wall": 1e9 + 1000.0, "monotonic": 1000.0,
         "endpoint": "http://127.0.0.1/v1"},
        {"event": "TTS_FIRST_AUDIO", **common, "wall": 1e9 + 1001.0, "monotonic": 1001.0},
        {"event": "TTS_PLAYBACK_START", **common, "wall": 1e9 + 1001.25, "monotonic": 1001.25},
        {"event": "TTS_UNDERRUN", **common, "wall": 1e9 + 1002.5, "monotonic": 1002.5,
         "at_s": 0.1235, "ms": 85.1},
        {"event": "TTS_PLAYBACK_END", **common, "wall": 1e9 + 1002.0, "monotonic": 1002.0,
         "underruns": 1, "interrupted": False},
        {"event": "TTS_ERROR", **common, "wall": 1e9 + 1002.5, "monotonic": 1002.5,
         "error": {"code": "network", "message": "cut — off", "exit": 4, "remedy": "try again"}},
    ]  # fmt: skip
    assert "cut — off" in log.file.getvalue(), "people read it too"


def test_playback_that_never_started_does_not_end():
    log = Log()
    log.observer(events.PlaybackEnded(1000.0, SinkReport(heard_frames=100)))
    assert log.lines == []


def names_of(*sources, **options):
    log = Log()
    clock = FakeClock()
    session = Session(null_output(), settings(**options), observers=[log.observer], clock=clock)
    session.run(list(sources))
    return [line["event"] for line in log.lines]


def test_a_run_in_order():
    assert names_of(ScriptedSource([sound(0.5), sound(0.5)])) == [
        "TTS_REQUEST",
        "TTS_FIRST_AUDIO",
        "TTS_PLAYBACK_START",
        "TTS_PLAYBACK_END",
    ]


def test_a_run_that_is_stopped_says_so():
    log, watcher, clock = Log(), Watcher(), FakeClock(holds=True)
    observers = [log.observer, watcher]
    session = Session(null_output(), settings(), observers=observers, clock=clock)
    run = Run(session, [ScriptedSource([sound(0.5), UntilCancelled()])])
    watcher.wait_for_state("playing")
    clock.advance(0.25)
    watcher.wait_for_event(events.PlaybackStarted)
    session.cancel()
    assert run.result().state is State.CANCELLED
    assert log.lines[-1]["event"] == "TTS_PLAYBACK_END"
    assert log.lines[-1]["interrupted"] is True


def test_a_run_that_breaks_off_has_its_error():
    names = names_of(ScriptedSource([sound(0.5), cut_off()]))
    assert sorted(names) == sorted(
        ["TTS_REQUEST", "TTS_FIRST_AUDIO", "TTS_PLAYBACK_START", "TTS_PLAYBACK_END", "TTS_ERROR"]
    )
    assert names[0] == "TTS_REQUEST"
    assert names[-1] == "TTS_PLAYBACK_END"


def test_a_run_without_sound():
    assert names_of(ScriptedSource([cut_off()])) == ["TTS_REQUEST", "TTS_ERROR"]


def test_headers_are_not_audio():
    """Kokoro sends 129 bytes of Ogg headers long before the first sample."""
    waiting = b"RIFF\xff\xff\xff\xffWAVE"
    assert "TTS_FIRST_AUDIO" not in names_of(ScriptedSource([waiting, cut_off()]))


@pytest.mark.parametrize(
    ("fault", "why"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (OSError("odd"), "odd")],
)
def test_a_full_disk_is_a_save_error(fault, why):
    class Full(io.StringIO):
        def flush(self):
            raise fault

    observe = EventLog(Full(), "run1", FakeClock())
    with pytest.raises(SaveError, match=f"TTS_REQUEST.*{why}"):
        observe(events.Requested(1000.0, "x"))


def test_a_full_disk_does_not_disturb_the_session(caplog):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    observe = EventLog(Full(), "run1", FakeClock())
    result = Session(null_output(), settings(), observers=[observe], clock=FakeClock()).run(
        [ScriptedSource([sound(0.5)])]
    )
    assert (result.error, result.spoken_s) == (None, 0.5)
    (record,) = caplog.records
    assert record.exc_info is None


def test_lines_of_several_threads_are_not_mixed():
    log = Log()
    threads = [
        threading.Thread(
            target=lambda: [log.observer(events.Requested(1000.0, "x" * 99)) for _ in range(50)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.lines) == 200
