from __future__ import annotations

import errno
import io
import json
import threading

import numpy as np
import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    ScriptedSource,
    UntilCancelled,
    cut_off,
    settings,
    sound,
)
from tests.session.outputs import null_output
from tests.telemetry.trace.traces import REQUEST, Recorded, text_of_trace
from voicecli.audio.pcm import Pcm
from voicecli.errors import DeviceError, NetworkError, SaveError
from voicecli.session import Session
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State
from voicecli.telemetry.trace import TraceWriter, read_trace
from voicecli.telemetry.trace.lines import Chunk, Decoded
from voicecli.telemetry.underruns import milliseconds

OPENED = ScriptedSource.OPENED


class Written:
    def __init__(self, request=REQUEST, **options):
        self.file = io.StringIO()
        self.clock = FakeClock()
        self.writer = TraceWriter(self.file, "run1", self.clock, request, **options)

    @property
    def lines(self):
        text = self.file.getvalue()
        assert text == "" or text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    def begin(self):
        self.writer(events.Requested(1000.0, "http://here/v1"))
        return self.writer


def block(frames, value=0):
    return Pcm(np.full((frames, 1), value, np.int16), FORMAT.rate_hz)


def test_a_time_is_rounded_once():
    written = Written()
    written.begin()(events.Received(1000.0032501, b"abc"))
    [_, line] = written.lines
    assert milliseconds(line["ms"] / 1e3) == milliseconds(0.0032501) == 3.3


def test_the_line_of_each_event():
    written = Written()
    written.clock.advance(0.25)
    writer = written.begin()
    writer(events.Connected(1000.001))
    writer(events.Retrying(1000.002, NetworkError("reset"), 0.5))
    writer(events.Requested(1000.5, "again"))
    writer(events.RequestSent(1000.51))
    writer(events.Answered(1000.6, SourceInfo("opus", "audio/ogg", None, 1)))
    writer(events.Received(1000.7012345678, b"abc"))
    writer(events.Decoded(1000.702, block(480), 0.1))
    writer(events.Recognised(1000.702, "opus", FORMAT))
    writer(events.ReceivedAll(1000.8))
    writer(events.StateChanged(1001.0, State.PLAYING, State.DRAINING))
    writer(events.StateChanged(1002.0, State.DRAINING, State.DONE))
    assert written.lines == [
        {"schema": "voicecli.trace/1", "run_id": "run1", "started": "2001-09-09T02:03:20.000Z",
         "endpoint": "http://here/v1", "model": "kokoro", "voice": "af_bella", "format": "opus",
         "audio": False},
        {"ms": 1.0, "event": "connected"},
        {"ms": 2.0, "event": "retrying"},
        {"ms": 510.0, "event": "request_sent"},
        {"ms": 600.0, "event": "answered", "requested": "opus", "content_type": "audio/ogg",
         "rate_hz": None, "channels": 1},
        {"ms": 701.234568, "bytes": 3},
        {"ms": 702.0, "decoded_frames": 480, "rate_hz": 8000},
        {"ms": 702.0, "event": "recognised", "format": "opus", "rate_hz": 8000, "channels": 1},
        {"ms": 800.0, "event": "received_all"},
        {"ms": 2000.0, "end": "whole"},
    ]  # fmt: skip


def test_the_text_is_not_written():
    assert REQUEST.text not in Recorded(ScriptedSource([sound(0.1)]), with_audio=True).text


def test_the_request_may_be_unknown():
    header = Written(request=None)
    header.begin()
    assert [header.lines[0][key] for key in ("model", "voice", "format")] == [None] * 3


def test_audio_can_be_included():
    written = Written(with_audio=True)
    written.begin()(events.Received(1000.5, b"\0\xff"))
    assert written.lines[0]["audio"] is True
    assert written.lines[1] == {"ms": 500.0, "bytes": 2, "audio": "AP8="}


def test_the_onset_is_written_once_with_its_block():
    written = Written()
    writer = written.begin()
    for value in (0, 0, 1000, 1000):
        writer(events.Decoded(1000.0, block(120, value), 0.0))  # 15 ms each
    onsets = [line.get("onset_ms") for line in written.lines[1:]]
    assert onsets == [None, None, 30.0, None]


def test_control_characters_are_removed():
    written = Written()
    writer = written.begin()
    writer(events.Answered(1000.0, SourceInfo("\x1b[1mopus", "\x1b[2Jaudio/ogg")))
    writer(events.Failed(1000.0, NetworkError("\x1b[2Jcut", remedy="\x1b[2Jmend")))
    writer(events.StateChanged(1000.0, State.DRAINING, State.FAILED))
    answer, end = written.lines[1:]
    assert (answer["requested"], answer["content_type"]) == ("opus", "audio/ogg")
    assert end["error"] == {"code": "network", "message": "cut", "remedy": "mend"}


def test_a_failure_ends_the_trace_at_its_own_time():
    written = Written()
    writer = written.begin()
    writer(events.Failed(1000.5, NetworkError("cut")))
    writer(events.Decoded(1000.6, block(8), 0.0))
    writer(events.StateChanged(1009.0, State.DRAINING, State.FAILED))
    assert written.lines[-2]["decoded_frames"] == 8
    error = {"code": "network", "message": "cut"}
    assert written.lines[-1] == {"ms": 500.0, "end": "failed", "error": error}


def test_an_interruption():
    written = Written()
    written.begin()(events.StateChanged(1001.5, State.PLAYING, State.CANCELLED))
    assert written.lines[-1] == {"ms": 1500.0, "end": "interrupted"}


def test_nothing_is_written_after_the_end():
    written = Written()
    writer = written.begin()
    writer(events.StateChanged(1001.5, State.PLAYING, State.CANCELLED))
    writer(events.Received(1001.6, b"abc"))
    writer(events.StateChanged(1001.7, State.DRAINING, State.DONE))
    assert [set(line) for line in written.lines[1:]] == [{"ms", "end"}]


def test_a_run_without_a_request_leaves_nothing():
    written = Written()
    written.writer(events.StateChanged(1000.0, State.CONNECTING, State.CANCELLED))
    written.begin()(events.Received(1000.6, b"abc"))
    assert written.lines == []


def test_a_time_before_the_request_counts_as_zero():
    written = Written()
    written.begin()(events.Connected(999.0))
    assert written.file.getvalue().endswith('{"ms": 0.0, "event": "connected"}\n')


@pytest.mark.parametrize(
    ("fault", "why"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (OSError("odd"), "odd")],
)
def test_a_full_disk_is_a_save_error(fault, why):
    class Full(io.StringIO):
        def flush(self):
            raise fault

    with pytest.raises(SaveError, match=f"the trace ends early: {why}"):
        TraceWriter(Full(), "run1", FakeClock())(events.Requested(1000.0, "x"))


def test_a_full_disk_does_not_disturb_the_session(caplog):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    writer = TraceWriter(Full(), "run1", FakeClock())
    session = Session(null_output(), settings(), observers=[writer], clock=FakeClock())
    result = session.run([ScriptedSource([sound(0.5)])])
    assert (result.error, result.spoken_s) == (None, 0.5)
    (record,) = caplog.records
    assert record.exc_info is None


def test_lines_of_several_threads_are_not_mixed():
    written = Written()
    writer = written.begin()
    works = [
        lambda: [writer(events.Received(1000.0 + i, b"x" * 99)) for i in range(100)],
        lambda: [writer(events.Decoded(1000.0 + i, block(8), 0.0)) for i in range(100)],
    ]
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written.lines) == 201


# Of sessions


def read(recorded, tmp_path):
    path = tmp_path / "trace"
    path.write_text(recorded.text, encoding="utf-8")
    return read_trace(path)


def test_the_trace_of_a_session_can_be_read(tmp_path):
    clock = FakeClock()
    source = ScriptedSource([0.1, OPENED, 0.2, sound(0.5), 0.3, sound(0.25)], clock=clock)
    recorded = Recorded(source, clock=clock, with_audio=True)
    trace = read(recorded, tmp_path)
    assert text_of_trace(trace) == recorded.text
    assert trace.size == 12_000
    assert [line.size for line in trace.lines if isinstance(line, Chunk)] == [8000, 4000]
    assert sum(line.frames for line in trace.lines if isinstance(line, Decoded)) == 6000
    assert (trace.end.how, trace.missing()) == ("whole", None)


@pytest.mark.parametrize("steps", [[sound(0.5), cut_off()], [cut_off(), OPENED]])
def test_the_trace_of_a_failed_session(steps, tmp_path):
    trace = read(Recorded(ScriptedSource(steps)), tmp_path)
    assert trace.end.how == "failed"
    assert type(trace.missing()) is NetworkError


def test_the_trace_of_a_cancelled_session(tmp_path):
    step = UntilCancelled()
    clock, file = FakeClock(), io.StringIO()
    session = Session(
        null_output(), settings(), observers=[TraceWriter(file, "run1", clock)], clock=clock
    )  # fmt: skip
    canceller = threading.Thread(target=lambda: (step.reached.wait(20), session.cancel()))
    canceller.start()
    session.run([ScriptedSource([sound(0.5), step])])
    canceller.join()
    (tmp_path / "trace").write_text(file.getvalue())
    assert read_trace(tmp_path / "trace").is_interrupted


def test_a_source_that_cannot_be_prepared_leaves_nothing():
    def warms():
        raise DeviceError("no")

    assert Recorded(ScriptedSource([], prepares=warms)).text == ""
