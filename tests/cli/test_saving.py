from __future__ import annotations

import json

import pytest

from tests.support.speech_server import Reply, clips_of, error
from tests.support.tones import read_wav, tone
from voicecli.bench.replay import replay
from voicecli.errors import DeviceError
from voicecli.playback import portaudio
from voicecli.playback.policy import BufferPolicy
from voicecli.telemetry.trace import read_trace
from voicecli.telemetry.trace.lines import Chunk

CLIP_S = 0.1
RATE = {"X-Sample-Rate": "48000"}


@pytest.fixture
def clip_s():
    return CLIP_S


class TestSaving:
    def test_a_wav(self, say, tmp_path):
        path = tmp_path / "hello.wav"
        result = say("--json", "--save", str(path), "Hello.")
        assert result.exit_code == 0, result.stderr
        samples, rate_hz = read_wav(path.read_bytes())
        assert (len(samples), rate_hz) == (4800, 48_000)
        assert result.json["saved"] == [str(path)]
        clip = result.json["clip"]
        assert (clip["path"], clip["duration_s"]) == (str(path), pytest.approx(CLIP_S))
        assert clip["peak_dbfs"] < 0
        assert f"saved {path}" in result.stderr

    def test_a_debug_folder(self, say, tmp_path):
        folder = tmp_path / "new" / "folder"
        result = say("--json", f"--debug-audio={folder}", "Hello.")
        assert result.exit_code == 0
        assert {path.rpartition(".")[2] for path in result.json["saved"]} == {"wav", "pcm"}
        (metrics,) = folder.rglob("*.json")
        assert json.loads(metrics.read_text())["audio_s"] == pytest.approx(CLIP_S)

    def test_the_debug_folder_of_the_platform_or_the_configuration(self, cli, say, tmp_path):
        assert str(tmp_path / "data") in say("--json", "--debug-audio", "Hello.").json["saved"][0]
        cli.configure(f'recordings = "{tmp_path / "mine"}"')
        assert str(tmp_path / "mine") in say("--json", "--debug-audio", "Hello.").json["saved"][0]
        named = say("--json", f"--debug-audio={tmp_path / 'flag'}", "Hello.").json["saved"][0]
        assert str(tmp_path / "flag") in named

    @pytest.mark.parametrize("options", [(), ("--no-play",)])
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [("/no/such/folder/a.wav", "there is no folder"), ("{}", "it is a folder"),
         ("{}/file/a.wav", "Not a directory"), ("{}/loop.wav", "symbolic links"),
         ("{}/" + 300 * "a" + ".wav", "name too long")],
    )  # fmt: skip
    def test_a_path_that_cannot_be_written_is_7_before_anything_is_requested(
        self, say, server, tmp_path, options, kind, reason
    ):
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "loop.wav").symlink_to("loop.wav")
        path = kind.format(tmp_path)
        result = say("--json", *options, "--save", path, "Hello.")
        assert result.exit_code == 7
        assert result.json["error"]["code"] == "save"
        assert reason in result.json["error"]["message"]
        assert f"cannot save {path}" in result.stderr
        assert server.requests == []

    @pytest.mark.parametrize("option", ["--debug-audio={}/file", "--subtitles={}/none/a.srt"])
    def test_other_paths_are_checked_too(self, say, server, tmp_path, option):
        (tmp_path / "file").write_bytes(b"")
        result = say(option.format(tmp_path), "Hello.")
        assert result.exit_code == 7
        assert server.requests == []

    def test_a_run_that_was_killed_is_told_of_once(self, say, tmp_path):
        (tmp_path / "a.wav.part").write_bytes(b"left")
        path = str(tmp_path / "a.wav")
        assert f"{path}.part, left by a run that was killed" in say("--save", path, "Hi.").stderr
        assert ".part" not in say("--save", path, "Hi.").stderr
        assert [each.name for each in tmp_path.glob("a.*")] == ["a.wav"]

    def test_a_failed_run_leaves_no_file(self, say, server, tmp_path):
        server.reply = error(401, {"detail": "no"})
        assert say("--save", str(tmp_path / "a.wav"), "Hello.").exit_code == 3
        assert list(tmp_path.glob("a.*")) == []

    def test_our_own_folder_is_private(self, say, tmp_path):
        say("--debug-audio", "Hello.")
        folder = tmp_path / "data" / "voicecli" / "recordings"
        assert folder.stat().st_mode & 0o777 == 0o700
        files = [path for path in folder.rglob("*.*") if not path.is_symlink()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}

    @pytest.mark.slow
    def test_saving_without_a_device_is_not_an_error(self, cli, server, tmp_path, monkeypatch):
        def none(wanted):
            raise DeviceError("no sound device")

        monkeypatch.setattr(portaudio, "find_output_device", none)
        path = str(tmp_path / "a.wav")
        result = cli.run("say", "--json", "--save", path, "Hello.")
        assert result.exit_code == 0, result.stderr
        assert result.json["no_device"] == "no sound device"
        assert "no sound: no sound device" in result.stderr
        result = cli.run("say", "--json", "Hello.")
        assert result.exit_code == 6


class TestEventLog:
    def test_events_are_appended(self, say, tmp_path):
        path = tmp_path / "events.jsonl"
        runs = [say("--json", "--event-log", str(path), "Hello.").json["run_id"] for _ in range(2)]
        events = [json.loads(line) for line in path.read_text().splitlines()]
        assert [e["run_id"] for e in events if e["event"] == "TTS_REQUEST"] == runs
        assert events[-1]["event"] == "TTS_PLAYBACK_END"

    def test_one_that_fills_the_disk_is_7_after_playback(self, say):
        path = "/dev/full"
        result = say("--json", "--event-log", path, "Hello.")
        assert result.exit_code == 7
        assert result.json["spoken_s"] == pytest.approx(CLIP_S)
        assert result.json["ok"] is False
        assert result.json["error"]["message"].startswith(f"cannot write {path}")
        assert result.stderr.count("error:") == 1

    def test_the_first_error_decides(self, say, server):
        server.reply = error(401, {"detail": "no"})
        result = say("--json", "--event-log", "/dev/full", "Hello.")
        assert result.exit_code == 3
        assert result.json["error"]["code"] == "auth"
        assert "cannot write /dev/full" in result.stderr

    @pytest.mark.parametrize("option", ["--event-log", "--trace"])
    def test_one_that_cannot_be_opened_is_7_before_anything_is_requested(self, say, server, option):
        result = say("--json", option, "/no/such/folder/events", "Hello.")
        assert result.exit_code == 7
        message = "cannot write /no/such/folder/events: there is no folder /no/such/folder"
        assert result.json["error"]["message"] == message
        assert server.requests == []


class TestTrace:
    def test_a_recorded_run_replays_with_the_same_metrics(self, say, server, tmp_path):
        """Without the audio, the decoded samples are taken from the trace too.

        The stall outlasts what loading the decoder may take on a busy machine: otherwise the
        sound would begin after it, and there would be no gap.
        """
        path = tmp_path / "trace"
        server.reply = Reply(headers=RATE, pace=2.0, chunk_bytes=960, stall_at_s=0.05,
                             stall_for_s=1.5)  # fmt: skip
        result = say("--json", "--trace", str(path), "Hello.")
        assert result.exit_code == 0, result.stderr
        trace = read_trace(path)
        assert trace.header.has_audio is False
        once, twice = (replay(trace, BufferPolicy.fixed(0.0)).metrics for _ in range(2))
        assert once == twice
        assert set(once) == set(result.json) - {"saved", "clip", "no_device"}
        for key in ("run_id", "endpoint", "ok", "format", "audio_s", "spoken_s", "bytes", "chunks"):
            assert once[key] == result.json[key], key
        for key in ("ttfb_ms", "first_frame_ms", "needed_prebuffer_ms", "generation_ms"):
            assert once[key] == pytest.approx(result.json[key], abs=0.15), key
        heard, was = once["underruns"]["sink"], result.json["underruns"]["sink"]
        assert heard["count"] == was["count"] > 0
        # The replay does not have the time from the decoder to the sink.
        late_ms = result.json["ttfa_ms"] - result.json["first_frame_ms"]
        assert heard["total_ms"] == pytest.approx(was["total_ms"], abs=20 + late_ms)

    def test_a_trace_with_audio_is_decoded_again(self, say, server, tmp_path):
        path = tmp_path / "trace"
        server.clips = clips_of(tone(CLIP_S), formats=["opus"])
        server.reply = Reply(chunk_bytes=500)
        result = say("--json", "--format", "opus", "--trace", str(path), "--trace-audio", "Hello.")
        trace = read_trace(path)
        once, twice = (replay(trace, BufferPolicy.fixed(0.0)).metrics for _ in range(2))
        assert once == twice
        for key in ("ok", "format", "rate_hz", "audio_s", "bytes", "chunks", "leading_silence_ms"):
            assert once[key] == result.json[key], key
        assert once["ttfb_ms"] == pytest.approx(result.json["ttfb_ms"], abs=0.11)
        received = b"".join(line.audio for line in trace.lines if isinstance(line, Chunk))
        assert received == server.clips["opus"].body

    def test_the_request_is_recorded_without_its_text(self, say, server, tmp_path):
        path = tmp_path / "trace"
        say("--trace", str(path), "--voice", "af_bella", "--model", "kokoro", "Words, words.")
        header = read_trace(path).header
        assert (header.voice, header.model, header.format) == ("af_bella", "kokoro", "pcm")
        assert header.endpoint == server.url
        assert "Words" not in path.read_text()

    def test_a_second_run_replaces_the_first(self, say, tmp_path):
        path = tmp_path / "trace"
        runs = [say("--json", "--trace", str(path), "Hi.").json["run_id"] for _ in range(2)]
        assert read_trace(path).header.run_id == runs[1]

    def test_a_failure_is_recorded(self, say, server, tmp_path):
        path = tmp_path / "trace"
        server.reply = error(401, {"detail": "no"})
        result = say("--json", "--trace", str(path), "Hello.")
        assert result.exit_code == 3
        metrics = replay(read_trace(path), BufferPolicy.fixed(0.0)).metrics
        assert metrics["error"] == result.json["error"]

    def test_one_that_fills_the_disk_is_7_after_playback(self, say):
        path = "/dev/full"
        result = say("--json", "--trace", path, "Hello.")
        assert result.exit_code == 7
        assert result.json["spoken_s"] == pytest.approx(CLIP_S)
        assert result.json["error"]["code"] == "save"
        assert result.json["error"]["message"].startswith(f"cannot write {path}")

    def test_a_failed_trace_does_not_affect_the_log(self, say, tmp_path):
        path = tmp_path / "events"
        result = say("--event-log", str(path), "--trace", "/dev/full", "Hello.")
        assert result.exit_code == 7
        assert "TTS_PLAYBACK_END" in path.read_text()
