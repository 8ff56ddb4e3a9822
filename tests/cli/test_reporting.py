from __future__ import annotations

import json
import re

import pytest

from tests.support.speech_server import Reply
from voicecli.cli import reporting
from voicecli.cli.records import LineFile, Records
from voicecli.cli.reporting import report
from voicecli.errors import DeviceError, ExitStatus, NetworkError, SaveError
from voicecli.playback.base import SinkReport
from voicecli.recording.saver import SaveReport
from voicecli.session import SessionResult
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import State
from voicecli.telemetry.metrics import Recorder


@pytest.fixture
def say(cli, server):
    """Say something with a buffer that outlasts the pauses of a busy machine, but no stall."""

    def run(*argv):
        return cli.run("say", "--device", "null", "--buffer-ms", "150", "--json", *argv, "Hello.")

    return run


class TestVerbose:
    def test_underruns_are_printed(self, say, server):
        server.reply = Reply(
            headers={"X-Sample-Rate": "48000"}, stall_at_s=0.2, stall_for_s=0.5, chunk_bytes=960
        )
        result = say("-v")
        assert result.exit_code == 0
        assert result.json["underruns"]["sink"]["count"] >= 1  # more on a busy machine
        assert "underrun at 0." in result.stderr
        assert "of silence" in result.stderr

    def test_the_waterfall_is_drawn(self, say):
        result = say("-v")
        assert "ms to the first audible sound" in result.stderr
        parts = result.json["waterfall_ms"]
        assert sum(parts.values()) == pytest.approx(result.json["ttfa_audible_ms"], abs=0.5)
        assert parts["connect"] > 0
        assert result.json["connected_ms"] <= result.json["request_sent_ms"]


STALLED = Reply(
    pace=4, chunk_bytes=960, stall_at_s=0.2, stall_for_s=0.6, headers={"X-Sample-Rate": "48000"}
)


class TestUnderruns:
    def test_are_not_an_error_by_default(self, say, server):
        server.reply = STALLED
        result = say("-v")
        assert (result.exit_code, result.json["ok"]) == (0, True)
        assert "caused by the network" in result.stderr
        assert re.search(r"underruns: network \d, sink [1-9], device 0", result.stderr)

    def test_are_an_error_with_the_flag(self, say, server):
        server.reply = STALLED
        result = say("--fail-on-underrun")
        assert result.exit_code == 4
        assert (result.json["ok"], result.json["error"]["code"]) == (False, "underrun")
        assert result.json["error"]["exit"] == 4
        assert re.search(r"error: the sound had gaps: \d of", result.stderr)

    def test_without_any_the_status_is_0(self, say):
        assert say("--fail-on-underrun").exit_code == 0

    def test_another_error_comes_first(self, say, server):
        server.reply = Reply(cut_at=0.5, headers={"X-Sample-Rate": "48000"})
        result = say("--fail-on-underrun")
        assert result.json["error"]["code"] == "network"

    def test_those_of_the_device_count(self):
        stopped = {"at_s": 1.5, "ms": 980.0, "cause": "machine"}
        counts = {
            "sink": {"count": 1, "total_ms": 980.0, "events": [stopped]},
            "device": {"count": 1, "events": [stopped]},
        }
        message = reporting._gaps({"underruns": counts}).message
        assert message == "the sound had gaps: 1 of 980 ms in all"
        assert list(reporting._underruns(counts)) == [
            "underrun at 1.50 s: 980 ms of silence, caused by the machine",
            "underruns: sink 1, device 1",
        ]


class FullDisk:
    """A saver whose metrics find no room."""

    has_lost_reader = False

    def write_metrics(self, metrics):
        return SaveError("no room for metrics")


class TestEnds:
    @pytest.fixture
    def report_run(self, capsys):
        """Report a run; return its status, standard error and the JSON object."""

        def run(*, saved=(), save_error=None, saver=None, files=(), flags=None, **result):
            saves = SaveReport(saved=list(saved), error=save_error)
            done = SessionResult(State.DONE, SinkReport(), saves, **result)
            records = Records(**{"json": True, **(flags or {})})
            recorder = Recorder("abc", None)
            if done.error is not None:
                recorder(events.Failed(1.0, done.error))
            status = report(done, recorder, saver, files, records)
            captured = capsys.readouterr()
            return status, captured.err, json.loads(captured.out) if captured.out else None

        return run

    def test_success(self, report_run):
        status, err, metrics = report_run()
        assert (status, metrics["ok"], metrics["clip"]) == (ExitStatus.OK, True, None)
        assert "error" not in err

    def test_without_json_nothing_is_printed(self, report_run):
        assert report_run(flags={"json": False})[2] is None

    def test_quiet_prints_nothing(self, report_run):
        assert report_run(flags={"quiet": True}, no_device=DeviceError("none"))[1] == ""

    def test_without_a_device(self, report_run):
        status, err, metrics = report_run(no_device=DeviceError("no sound device"))
        assert (status, metrics["no_device"]) == (ExitStatus.OK, "no sound device")
        assert "no sound: no sound device" in err

    def test_an_interruption_is_not_an_error(self, report_run):
        status, err, metrics = report_run(interrupted_at=2.0, error=NetworkError("cut"))
        assert (status, metrics["interrupted"]) == (ExitStatus.INTERRUPTED, True)
        assert "cut" not in err

    def test_metrics_that_cannot_be_written_are_an_error(self, report_run):
        status, err, metrics = report_run(saver=FullDisk())
        assert (status, metrics["error"]["message"]) == (ExitStatus.SAVE, "no room for metrics")
        assert "no room for metrics" in err

    def test_a_log_that_cannot_be_written_is_an_error(self, report_run, tmp_path):
        files = [LineFile(tmp_path / "fine"), LineFile(tmp_path / "missing" / "log")]
        status, _, metrics = report_run(files=files)
        assert status == ExitStatus.SAVE
        assert "missing" in metrics["error"]["message"]
        for file in files:
            file.close()

    def test_the_first_error_is_the_status_and_both_are_printed(self, report_run):
        status, err, metrics = report_run(
            error=NetworkError("cut"), save_error=SaveError("disk full")
        )
        assert (status, metrics["error"]["message"]) == (ExitStatus.SOURCE, "cut")
        assert "cut" in err
        assert "disk full" in err
