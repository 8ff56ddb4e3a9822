from __future__ import annotations

import io
import json
import os
import sys

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import read_wav, tone
from voicecli.bench.replay import replay
from voicecli.playback.policy import BufferPolicy
from voicecli.telemetry.trace import read_trace
from voicecli.telemetry.trace.lines import Chunk

CLIP_S = 0.1
RATE = {"X-Sample-Rate": "48000"}


@pytest.fixture
def server(cli):
    clips = clips_of(tone(CLIP_S), formats=["pcm"])
    with SpeechServer(clips, reply=Reply(headers=RATE)) as running:
        cli.env["VOICECLI_BASE_URL"] = running.url
        yield running


@pytest.fixture
def say(cli, server):
    """Say something quietly, to the null device."""

    def run(*argv):
        return cli.run("say", "--device", "null", "--buffer-ms", "0", *argv)

    return run


class Stdin(io.StringIO):
    """Standard input that holds some bytes."""

    def __init__(self, data=b"", *, terminal=False):
        super().__init__()
        self.buffer = io.BytesIO(data)
        self._terminal = terminal

    def isatty(self):
        return self._terminal


def asked(server):
    return server.speech_requests[-1].json


class TestText:
    def test_words_join(self, say, server):
        result = say("Good", "morning,", "world.")
        assert result.exit_code == 0, result.stderr
        assert asked(server)["input"] == "Good morning, world."
        assert result.stdout == ""
        assert "spoke 0.1 s of pcm" in result.stderr

    def test_a_file(self, say, server, tmp_path):
        path = tmp_path / "text.txt"
        path.write_bytes("  Grüße\n".encode() + b"\xff\n")
        assert say("--file", str(path)).exit_code == 0
        assert asked(server)["input"] == "Grüße\n\ufffd"

    @pytest.mark.parametrize("argv", [["-"], [], ["--file", "-"]])
    def test_a_pipe(self, say, server, monkeypatch, argv):
        monkeypatch.setattr(sys, "stdin", Stdin(b"from a pipe\n"))
        assert say(*argv).exit_code == 0
        assert asked(server)["input"] == "from a pipe"

    def test_bytes_that_are_no_text_are_replaced(self, say, server):
        strange = b"caf\xe9".decode("utf-8", "surrogateescape")
        result = say("--voice", strange, "--model", strange, "--instructions", strange, strange)
        assert result.exit_code == 0, result.stderr
        request = asked(server)
        for field in ("input", "voice", "model", "instructions"):
            assert request[field] == "caf\ufffd"

    @pytest.mark.parametrize(
        ("argv", "stdin", "says"),
        [
            ([], Stdin(terminal=True), 'as in voicecli say "Hello."'),
            ([], None, 'as in voicecli say "Hello."'),
            (["-"], None, "standard input: it is closed"),
            ([""], Stdin(), "the text is empty"),
            (["-"], Stdin(b" \n"), "the text is empty"),
            (["--file", "x", "text"], Stdin(), "not both"),
            (["--file", "/no/such"], Stdin(), "cannot read /no/such"),
            (["--extra", "x", "text"], Stdin(), "KEY=JSON"),
            (["--extra", "=1", "text"], Stdin(), "KEY=JSON"),
            (["--format", "midi", "text"], Stdin(), "pcm, wav, opus, mp3, aac, flac"),
            (["--speed", "9", "text"], Stdin(), "less than or equal to 4"),
        ],
    )
    def test_usage_errors_say_what_to_do(self, say, server, monkeypatch, argv, stdin, says):
        monkeypatch.setattr(sys, "stdin", stdin)
        result = say("--json", *argv)
        assert result.exit_code == 2
        assert says in " ".join(result.stderr.split())
        assert result.stdout == ""
        assert server.requests == []

    def test_a_pipe_that_cannot_be_read_is_told(self, say, monkeypatch):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "wb", buffering=0) as unreadable:
            stdin = Stdin()
            stdin.buffer = io.BufferedReader(ReadFrom(unreadable.fileno()))
            monkeypatch.setattr(sys, "stdin", stdin)
            result = say("-")
        assert result.exit_code == 2
        assert "Bad file descriptor" in result.stderr


class ReadFrom(io.RawIOBase):
    def __init__(self, descriptor):
        self._descriptor = descriptor

    def readable(self):
        return True

    def readinto(self, target):
        return os.readv(self._descriptor, [target])


class TestRequest:
    def test_fields_come_from_the_flags(self, say, server):
        server.clips |= clips_of(tone(CLIP_S), formats=["wav"])
        result = say(
            "--model", "m", "--voice", "v", "--format", "wav", "--speed", "1.5",
            "--instructions", "cheerfully", "--extra", "stream=true", "--extra", "lang=en",
            "--extra", 'deep={"a": [1]}', "--extra", "odd=NaN", "--extra", "empty=", "Hello.",
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
        assert asked(server) == {
            "input": "Hello.", "model": "m", "voice": "v", "response_format": "wav",
            "speed": 1.5, "instructions": "cheerfully", "stream": True, "lang": "en",
            "deep": {"a": [1]}, "odd": "NaN", "empty": "",
        }  # fmt: skip

    def test_nesting_without_end_is_a_string(self, say, server):
        assert say("--extra", "deep=" + "[" * 100_000, "Hello.").exit_code == 0
        assert asked(server)["deep"].startswith("[[")

    def test_pcm_is_asked_for_unless_told_otherwise(self, say, server):
        say("Hello.")
        assert asked(server)["response_format"] == "pcm"

    def test_the_rate_of_bare_pcm(self, cli, server, say):
        server.reply = Reply()
        assert say("--json", "Hello.").json["rate_hz"] == 24_000
        cli.configure("sample_rate = 16000")
        assert say("--json", "Hello.").json["rate_hz"] == 16_000
        assert say("--json", "--sample-rate", "8000", "Hello.").json["rate_hz"] == 8000

    def test_the_key_is_sent(self, cli, say, server):
        cli.env["VOICECLI_API_KEY"] = "sk-of-that-server"
        say("Hello.")
        assert server.speech_requests[0].headers["authorization"] == "Bearer sk-of-that-server"

    def test_the_builtin_voice_speaks_without_a_server(self, say, server, tmp_path):
        path = tmp_path / "hello.wav"
        result = say("--base-url", "builtin", "--no-play", "--save", str(path), "--json", "Hello.")
        assert result.exit_code == 0, result.stderr
        assert result.json["endpoint"] == "builtin"
        samples, rate_hz = read_wav(path.read_bytes())
        assert rate_hz == 24_000
        assert len(samples) > 4800
        assert server.requests == []


class TestTold:
    def test_the_endpoint_and_why(self, say, server):
        result = say("-v", "Hello.")
        assert f"speaking with {server.url} (VOICECLI_BASE_URL is set)" in result.stderr
        assert "ttfb" in result.stderr

    def test_warnings(self, cli, say):
        cli.configure('[profiles.p]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "NONE"')
        argv = ("--profile", "p", "--retries", "0", "Hello.")
        assert "warning: profile p names NONE" in say(*argv).stderr
        assert "warning" not in say("-q", *argv).stderr

    def test_quiet_says_errors_only(self, say, server):
        assert say("-q", "Hello.").stderr == ""
        server.reply = error(500, {"detail": "it broke"})
        result = say("-q", "--retries", "0", "Hello.")
        assert result.stderr.splitlines()[0] == "voicecli: error: the server failed (500): it broke"

    def test_retries_are_narrated(self, say, server):
        server.queued.append(error(429, {"detail": "busy"}, Retry_After="0"))
        result = say("-v", "--json", "Hello.")
        assert result.exit_code == 0
        assert "busy; trying again in 0.0 s" in result.stderr
        assert result.json["retries"] == 1


class TestJson:
    def test_one_object_with_the_metrics(self, say, server):
        result = say("--json", "Hello.")
        assert result.exit_code == 0
        assert result.json["ok"] is True
        assert result.json["endpoint"] == server.url
        assert result.json["audio_s"] == pytest.approx(CLIP_S)
        assert result.json["saved"] == []

    def test_a_run_that_fails(self, say, server):
        server.reply = error(401, {"detail": "no"})
        result = say("--json", "Hello.")
        assert result.exit_code == 3
        assert result.json["ok"] is False
        assert result.json["error"]["code"] == "auth"

    @pytest.mark.parametrize(
        ("config", "argv", "says"),
        [
            ("[profiles", (), "config.toml"),
            ("", ("--profile", "nobody"), "nobody"),
            ("", ("--base-url", "not a url"), "not a url"),
        ],
    )
    def test_a_run_that_cannot_begin(self, cli, say, config, argv, says):
        began = say("--json", "Hello.").json
        cli.configure(config)
        result = say("--json", *argv, "Hello.")
        assert result.exit_code == 3
        assert set(result.json) == set(began)
        assert (result.json["ok"], result.json["interrupted"], result.json["saved"]) == (
            False,
            False,
            [],
        )
        assert result.json["error"]["code"] == "config"
        assert result.json["error"]["exit"] == 3
        assert says in result.json["error"]["message"]
        assert says in result.stderr
        assert say(*argv, "Hello.").stdout == ""


class TestSaving:
    def test_a_wav(self, say, tmp_path):
        path = tmp_path / "hello.wav"
        result = say("--json", "--save", str(path), "Hello.")
        assert result.exit_code == 0, result.stderr
        samples, rate_hz = read_wav(path.read_bytes())
        assert (len(samples), rate_hz) == (4800, 48_000)
        assert result.json["saved"] == [str(path)]
        assert result.json["clip"]["path"] == str(path)
        assert f"saved {path}" in result.stderr

    def test_a_debug_folder(self, say, tmp_path):
        folder = tmp_path / "new" / "folder"
        result = say("--json", f"--debug-audio={folder}", "Hello.")
        assert result.exit_code == 0
        assert {path.rpartition(".")[2] for path in result.json["saved"]} == {"wav", "pcm"}
        (metrics,) = folder.rglob("*.json")
        assert json.loads(metrics.read_text())["audio_s"] == pytest.approx(CLIP_S)

    def test_a_debug_folder_of_the_platform_or_the_configuration(
        self, cli, say, tmp_path, monkeypatch
    ):
        cli.env["XDG_DATA_HOME"] = str(tmp_path / "data")
        assert str(tmp_path / "data") in say("--json", "--debug-audio", "Hello.").json["saved"][0]
        cli.configure(f'recordings = "{tmp_path / "mine"}"')
        assert str(tmp_path / "mine") in say("--json", "--debug-audio", "Hello.").json["saved"][0]
        named = say("--json", f"--debug-audio={tmp_path / 'flag'}", "Hello.").json["saved"][0]
        assert str(tmp_path / "flag") in named

    def test_what_cannot_be_saved_is_7_after_the_sound(self, say):
        result = say("--json", "--save", "/no/such/folder/a.wav", "Hello.")
        assert result.exit_code == 7
        assert result.json["spoken_s"] == pytest.approx(CLIP_S)
        assert result.json["error"]["code"] == "save"
        assert "/no/such/folder" in result.stderr

    def test_where_nothing_is_to_be_heard_it_is_7_before_anything_is_asked_for(self, cli, server):
        argv = ("say", "--no-play", "--json", "--save", "/no/such/folder/a.wav", "Hello.")
        result = cli.run(*argv)
        assert result.exit_code == 7
        assert result.json["error"]["message"].endswith("there is no folder /no/such/folder")
        assert server.requests == []

    def test_standard_output_is_no_file(self, say, server, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        result = say("--save", "-", "Hello.")
        assert result.exit_code == 2
        assert "name a file" in result.stderr
        assert list(tmp_path.glob("-*")) == server.requests == []

    def test_a_clip_that_cannot_be_measured_is_7(self, say, tmp_path, monkeypatch):
        from voicecli.errors import SaveError
        from voicecli.recording import loudness

        def unreadable(path):
            raise SaveError(f"cannot read {path}")

        monkeypatch.setattr(loudness, "measure_clip", unreadable)
        result = say("--json", "--save", str(tmp_path / "a.wav"), "Hello.")
        assert result.exit_code == 7
        assert result.json["clip"] is None

    def test_no_device_but_a_file_is_no_error(self, cli, server, tmp_path, monkeypatch):
        from voicecli.errors import DeviceError
        from voicecli.playback import portaudio as module

        def none(wanted):
            raise DeviceError("no sound device")

        monkeypatch.setattr(module, "find_output_device", none)
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

    @pytest.mark.parametrize("path", ["/no/such/folder/events", "/dev/full"])
    def test_one_that_cannot_be_written_is_7_after_the_sound(self, say, path):
        result = say("--json", "--event-log", path, "Hello.")
        assert result.exit_code == 7
        assert result.json["spoken_s"] == pytest.approx(CLIP_S)
        assert result.json["ok"] is False
        assert result.json["error"]["message"].startswith(f"cannot write {path}")
        assert result.stderr.count("error:") == 1

    def test_the_first_error_is_the_run_s(self, say, server):
        server.reply = error(401, {"detail": "no"})
        result = say("--json", "--event-log", "/no/such/folder/events", "Hello.")
        assert result.exit_code == 3
        assert result.json["error"]["code"] == "auth"
        assert "cannot write /no/such/folder/events" in result.stderr


class TestTrace:
    def test_a_run_is_written_and_replays_as_it_was(self, say, server, tmp_path):
        """Without the audio, what the decoder did is taken from the trace as well."""
        path = tmp_path / "trace"
        server.reply = Reply(headers=RATE, pace=2.0, chunk_bytes=960, stall_at_s=0.05,
                             stall_for_s=0.1)  # fmt: skip
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
        # How long the machine takes from the decoder to the sink is in the run alone.
        assert heard["total_ms"] == pytest.approx(was["total_ms"], abs=20)

    def test_with_its_audio_it_is_decoded_again(self, say, server, tmp_path):
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

    def test_what_was_asked_for_is_in_it_and_its_text_is_not(self, say, server, tmp_path):
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

    def test_a_failure_is_in_it(self, say, server, tmp_path):
        path = tmp_path / "trace"
        server.reply = error(401, {"detail": "no"})
        result = say("--json", "--trace", str(path), "Hello.")
        assert result.exit_code == 3
        metrics = replay(read_trace(path), BufferPolicy.fixed(0.0)).metrics
        assert metrics["error"] == result.json["error"]

    @pytest.mark.parametrize("path", ["/no/such/folder/trace", "/dev/full"])
    def test_one_that_cannot_be_written_is_7_after_the_sound(self, say, path):
        result = say("--json", "--trace", path, "Hello.")
        assert result.exit_code == 7
        assert result.json["spoken_s"] == pytest.approx(CLIP_S)
        assert result.json["error"]["code"] == "save"
        assert result.json["error"]["message"].startswith(f"cannot write {path}")

    def test_a_good_log_beside_a_bad_trace(self, say, tmp_path):
        path = tmp_path / "events"
        result = say("--event-log", str(path), "--trace", "/dev/full", "Hello.")
        assert result.exit_code == 7
        assert "TTS_PLAYBACK_END" in path.read_text()

    def test_audio_without_a_trace_is_a_mistake(self, say, server):
        result = say("--trace-audio", "Hello.")
        assert result.exit_code == 2
        assert "--trace-audio goes with --trace" in result.stderr
        assert server.speech_requests == []


def test_a_proxy_is_asked_even_for_this_machine(say, server):
    with SpeechServer(server.clips, reply=Reply(headers=RATE)) as proxy:
        assert say("--proxy", proxy.url.removesuffix("/v1"), "Hello.").exit_code == 0
        assert len(proxy.speech_requests) == 1
    assert server.speech_requests == []


NO_PROXIES = ["nonsense://x", "127.0.0.1:80", "http://", "", "http://[::1", "http://h:99999",
              "http://h:0"]  # fmt: skip


@pytest.mark.parametrize("url", NO_PROXIES)
def test_what_is_no_proxy_is_a_usage_error(say, url):
    result = say("--proxy", url, "Hello.")
    assert result.exit_code == 2
    assert f"{url!r} is not of the form http://HOST:PORT" in result.stderr


def test_the_password_of_a_proxy_is_not_repeated(say):
    result = say("--proxy", "socks5://user:secret@proxy.test:1", "Hello.")
    assert result.exit_code == 2
    assert "it is not of the form http://HOST:PORT" in result.stderr
    assert "secret" not in result.stderr


def test_where_nothing_was_timed_there_is_no_empty_line(cli, monkeypatch):
    monkeypatch.delenv("VOICECLI_BASE_URL", raising=False)
    result = cli.run("say", "-v", "--no-play", "--voice", "nobody", "Hello.")
    assert result.exit_code == 3
    assert "voicecli: \n" not in result.stderr
