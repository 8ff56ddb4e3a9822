from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.support.cli import Cli
from tests.support.speech_server import FOREVER, Reply
from tests.support.tones import encode, tone
from voicecli.cli import running
from voicecli.cli.progress import ProgressLine
from voicecli.cli.records import Records
from voicecli.cli.running import failing_as_json
from voicecli.errors import SourceError
from voicecli.playback.history import HistoryFile, HistoryKey
from voicecli.telemetry import events

CLIP_S = 0.4


@pytest.fixture
def say(cli, server):
    def run(*argv):
        return cli.run("say", "--device", "null", "--buffer-ms", "0", "--json", *argv, "Hello.")

    return run


@pytest.fixture
def handlers():
    """Whatever a run leaves behind, the next test finds its own signal handlers."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield lambda: [signal.getsignal(number) for number in numbers] == kept
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


@contextlib.contextmanager
def signalled(server, number):
    """Send this process a signal once the server was asked for speech."""
    done = threading.Event()

    def work():
        while not server.speech_requests and not done.wait(0.005):
            pass
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.in_process
class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_the_first_ends_the_run_and_is_reported(self, say, server, handlers, number):
        server.reply = Reply(ttfb_s=FOREVER)
        with signalled(server, number):
            result = say()
        assert result.exit_code == 130
        assert result.json["interrupted"] is True
        assert result.json["ok"] is False
        assert result.json["error"] is None
        assert "interrupted after 0.0 s" in result.stderr
        assert "error" not in result.stderr
        assert not handlers()  # the second must find them, whenever it comes

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_one_that_is_ignored_stays_ignored(self, say, server, handlers, number):
        signal.signal(number, signal.SIG_IGN)
        with signalled(server, number):
            assert say().exit_code == 0
        assert signal.getsignal(number) is signal.SIG_IGN

    def test_handlers_are_restored(self, say, handlers):
        assert say().exit_code == 0
        assert handlers()

    def test_in_a_process_of_its_own(self, tmp_path, server):
        server.reply = Reply(headers={"X-Sample-Rate": "48000"}, pace=0.2, chunk_bytes=960)
        cli = Cli(tmp_path)
        argv = ("say", "--json", "--device", "null", "--base-url", server.url, "Hello.")
        with cli.start(*argv) as child:
            while not server.speech_requests or server.speech_requests[0].sent < 9600:
                threading.Event().wait(0.01)
            child.signal(signal.SIGINT)
            done = child.finish()
        assert done.exit_code == 130
        assert done.json["interrupted"] is True
        assert "Traceback" not in done.stderr


class TestBugs:
    def test_a_bug_in_the_session_is_exit_1_with_one_object(self, say, server, monkeypatch):
        from voicecli.codecs.decoding import auto

        def broken(_):
            raise ZeroDivisionError("planted")

        began = say().json
        monkeypatch.setattr(auto, "preload", broken)
        result = say()
        assert result.exit_code == 1
        assert set(result.json) == set(began)
        assert result.json["ok"] is False
        assert result.json["error"]["exit"] == 1
        assert "planted" in result.json["error"]["message"]
        assert "planted" in result.stderr
        assert "Traceback" not in result.stderr

    def test_without_json_nothing_is_printed(self, capsys):
        with pytest.raises(SourceError), failing_as_json(Records()):
            raise SourceError("no")
        assert capsys.readouterr().out == ""

    def test_known_metrics_are_in_the_object(self, capsys):
        recorder = running.Recorder("abc", None)
        recorder(events.Requested(1.0, "http://here/v1"))
        with pytest.raises(SourceError), failing_as_json(Records(json=True), recorder):
            raise SourceError("no", remedy="yes")
        result = json.loads(capsys.readouterr().out)
        assert (result["run_id"], result["endpoint"]) == ("abc", "http://here/v1")
        assert result["error"] == {"code": "source", "message": "no", "exit": 4, "remedy": "yes"}


class TestRun:
    def test_its_files_have_its_id(self, say, tmp_path):
        folder, log, trace = (tmp_path / name for name in ("kept", "log", "trace"))
        result = say(f"--debug-audio={folder}", "--event-log", str(log), "--trace", str(trace))
        run_id = result.json["run_id"]
        assert run_id in log.read_text()
        assert run_id in trace.read_text()
        assert result.json["saved"]
        assert all(run_id in path and path.startswith(str(folder)) for path in result.json["saved"])

    def test_retries_are_printed_with_v(self, say, server):
        server.queued.append(Reply(status=503, body=b"busy", headers={"Retry-After": "0"}))
        assert "trying again in" in say("-v").stderr
        server.queued.append(Reply(status=503, body=b"busy", headers={"Retry-After": "0"}))
        assert "trying again" not in say().stderr

    def test_an_answer_without_length_is_noted_with_v(self, say, server):
        server.reply = Reply(framing="close")
        assert "the server gave no length" in say("-v").stderr
        assert "no length" not in say().stderr

    def test_the_progress_line_is_always_removed(self, say, monkeypatch):
        lines = []

        class Seen(ProgressLine):
            def __init__(self, *_):
                super().__init__()
                lines.append(self)

            def __call__(self, event):
                """Leave the line to the run."""
                if not isinstance(event, (events.StateChanged, events.PlaybackEnded)):
                    super().__call__(event)

        monkeypatch.setattr(running, "ProgressLine", Seen)
        monkeypatch.setattr(running, "wants_progress", lambda quiet: True)
        assert say().exit_code == 0
        assert [line._live for line in lines] == [None]

    def test_run_ids_differ(self):
        assert len({running.new_run_id() for _ in range(100)}) == 100


def test_a_closed_pipe_does_not_change_the_status(tmp_path, server):
    """What ``voicecli say --json | head -0`` does, of a run that fails otherwise."""
    server.reply = Reply(status=401, body=b"no key")
    cli = Cli(tmp_path)
    say = f"voicecli say --json --device null --base-url {server.url} Hello."
    command = f"{sys.executable} -m {say} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=cli.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert "no key" in done.stderr
    assert "Traceback" not in done.stderr


class TestLearning:
    @pytest.fixture
    def runs(self, cli):
        """What is remembered: seconds, of every kind."""
        history = HistoryFile(cli.home / "cache" / "voicecli" / "arrivals.jsonl")
        return history.all_runs

    def test_a_complete_run_is_remembered(self, say, server, runs):
        assert say("--model", "m").exit_code == 0
        assert say("--model", "m", "--buffer-ms", "auto").exit_code == 0
        ((kind, needed_s),) = runs().items()
        assert kind == HistoryKey(server.url, "m", "pcm")
        assert len(needed_s) == 2

    def test_a_failed_run_is_not(self, say, server, runs):
        server.reply = Reply(cut_at=0.5, headers={"X-Sample-Rate": "48000"})
        assert say().exit_code == 4
        assert runs() == {}

    @pytest.mark.in_process
    def test_an_interrupted_run_is_not(self, say, server, runs, handlers):
        server.reply = Reply(pace=0.2, headers={"X-Sample-Rate": "48000"})
        with signalled(server, signal.SIGINT):
            assert say().exit_code == 130
        assert runs() == {}

    def test_a_run_without_sound_is_not(self, say, runs):
        assert say("--no-play").exit_code == 0
        assert runs() == {}

    def test_a_file_is_not(self, cli, runs, tmp_path):
        clip = tmp_path / "clip.wav"
        clip.write_bytes(encode(tone(CLIP_S), "wav"))
        assert cli.run("play", "--device", "null", str(clip)).exit_code == 0
        assert runs() == {}

    def test_what_is_remembered_delays_the_first_sound(self, say, server, cli):
        kind = HistoryKey(server.url, "tts-1", "pcm")
        history = HistoryFile(cli.home / "cache" / "voicecli" / "arrivals.jsonl")
        for _ in range(5):
            history.add(kind, 0.1)
        server.reply = Reply(pace=1.0, chunk_bytes=960, headers={"X-Sample-Rate": "48000"})
        result = say("--buffer-ms", "auto").json
        assert result["ttfa_ms"] - result["first_frame_ms"] >= 150
