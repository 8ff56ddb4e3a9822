from __future__ import annotations

import io
import os
import threading

import pytest

from tests.support.in_process import Result
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import read_wav, tone

CLIP_S = 0.1


@pytest.fixture
def clip_s():
    return CLIP_S


class Terminal(io.StringIO):
    def isatty(self):
        return True


def request_of(server):
    return server.speech_requests[-1].json


class TestText:
    def test_words_are_joined(self, say, server):
        result = say("Good", "morning,", "world.")
        assert result.exit_code == 0, result.stderr
        assert request_of(server)["input"] == "Good morning, world."
        assert result.stdout == ""
        assert "spoke 0.1 s ·" in result.stderr

    def test_a_file(self, say, server, tmp_path):
        path = tmp_path / "text.txt"
        path.write_bytes("  Grüße\n".encode() + b"\xff\n")
        assert say("--file", str(path)).exit_code == 0
        assert request_of(server)["input"] == "Grüße"

    @pytest.mark.parametrize("argv", [["-"], [], ["--file", "-"]])
    def test_a_pipe(self, say, server, argv):
        assert say(*argv, stdin=b"from a pipe\n").exit_code == 0
        assert request_of(server)["input"] == "from a pipe"

    def test_bytes_that_are_not_utf_8_are_guessed_in_the_text_and_replaced_elsewhere(
        self, say, server
    ):
        text = b"caf\xe9".decode("utf-8", "surrogateescape")
        result = say("--voice", text, "--model", text, "--instructions", text, text)
        assert result.exit_code == 0, result.stderr
        request = request_of(server)
        assert request["input"] == "café"
        for field in ("voice", "model", "instructions"):
            assert request[field] == "caf\ufffd"

    @pytest.mark.parametrize(
        ("argv", "stdin", "message"),
        [
            ([], Terminal(), 'as in voicecli say "Hello."'),
            ([], None, 'as in voicecli say "Hello."'),
            (["-"], None, "standard input: it is closed"),
            (["--file", "x", "text"], b"", "not both"),
            (["--file", "/no/such"], b"", "cannot read /no/such"),
            (["--file", 300 * "x"], b"", "name too long"),
            (["--extra", "x", "text"], b"", "KEY=JSON"),
            (["--extra", "=1", "text"], b"", "KEY=JSON"),
            (["--format", "midi", "text"], b"", "pcm, wav, opus, mp3, aac, flac"),
            (["--speed", "9", "text"], b"", "less than or equal to 4"),
            (["--buffer-ms", "soon", "text"], b"", "'soon' is not auto or from 0 to 60000"),
            (["--trace-audio", "text"], b"", "--trace-audio requires --trace"),
        ],
    )
    def test_usage_errors_explain_what_to_do(self, say, server, argv, stdin, message):
        result = say("--json", *argv, stdin=stdin)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
        assert result.stdout == ""
        assert server.requests == []

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("argv", "name"),
        [([], "standard input"), (["-"], "standard input"), ([""], "the text"),
         (["--file", os.devnull], os.devnull)],
    )  # fmt: skip
    def test_nothing_to_say_is_no_error(self, say, server, argv, name):
        """A hook often has nothing to say."""
        assert say("-q", *argv, stdin=b" \n") == Result(0, "", "")
        message = f"voicecli: nothing to say: {name} is empty\n"
        assert say(*argv, stdin=b" \n") == Result(0, "", message)
        result = say("--json", *argv, stdin=b"")
        assert (result.exit_code, result.json["ok"], result.json["error"]) == (0, True, None)
        assert server.requests == []

    def test_nothing_to_say_is_found_later_too(self, say, server):
        reader, writer = os.pipe()
        thread = threading.Timer(0.3, os.close, [writer])
        thread.start()
        with os.fdopen(reader) as stdin:
            result = say("--json", "-q", stdin=stdin)
        thread.join()
        assert (result.exit_code, result.stderr, result.json["ok"]) == (0, "", True)
        assert server.requests == []

    def test_a_pipe_that_cannot_be_read_is_reported(self, say):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "w"):
            stdin = io.TextIOWrapper(io.BufferedReader(ReadFrom(write_end)))
            result = say("-", stdin=stdin)
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
        assert request_of(server) == {
            "input": "Hello.", "model": "m", "voice": "v", "response_format": "wav",
            "speed": 1.5, "instructions": "cheerfully", "stream": True, "lang": "en",
            "deep": {"a": [1]}, "odd": "NaN", "empty": "",
        }  # fmt: skip

    def test_json_nested_too_deeply_is_a_string(self, say, server):
        assert say("--extra", "deep=" + "[" * 100_000, "Hello.").exit_code == 0
        assert request_of(server)["deep"].startswith("[[")

    @pytest.mark.parametrize("value", ["1e999", "[-1e999]", r'{"a": "\ud800"}', '"\udce9"'])
    def test_what_json_cannot_carry_is_a_string(self, say, server, value):
        result = say("--extra", f"odd={value}", "Hello.")
        assert result.exit_code == 0, result.stderr
        assert request_of(server)["odd"] == value.replace("\udce9", "\ufffd")

    def test_pcm_is_requested_by_default(self, say, server):
        say("Hello.")
        assert request_of(server)["response_format"] == "pcm"

    def test_the_rate_of_raw_pcm(self, cli, server, say):
        server.reply = Reply()
        assert say("--json", "Hello.").json["rate_hz"] == 24_000
        cli.configure("sample_rate = 16000")
        assert say("--json", "Hello.").json["rate_hz"] == 16_000
        assert say("--json", "--sample-rate", "8000", "Hello.").json["rate_hz"] == 8000

    @pytest.mark.parametrize(
        ("content_type", "headers"),
        [("audio/pcm;rate=48000", {}), ("audio/pcm", {"X-Sample-Rate": "48000"})],
    )
    def test_the_flag_overrides_the_rate_that_the_server_states(
        self, cli, server, say, content_type, headers
    ):
        server.reply = Reply(content_type=content_type, headers=headers)
        result = say("--json", "--sample-rate", "24000", "Hello.")
        assert result.json["rate_hz"] == 24_000
        assert result.stderr.count("although the server states 48000 Hz") == 1
        cli.configure("sample_rate = 16000")  # is for servers that state none
        assert say("--json", "Hello.").json["rate_hz"] == 48_000

    def test_the_key_is_sent(self, cli, say, server):
        cli.env["VOICECLI_API_KEY"] = "sk-of-that-server"
        say("Hello.")
        assert server.speech_requests[0].headers["authorization"] == "Bearer sk-of-that-server"

    @pytest.mark.slow
    def test_the_builtin_voice_speaks_without_a_server(self, say, server, tmp_path):
        path = tmp_path / "hello.wav"
        result = say("--base-url", "builtin", "--no-play", "--save", str(path), "--json", "Hello.")
        assert result.exit_code == 0, result.stderr
        assert result.json["endpoint"] == "builtin"
        samples, rate_hz = read_wav(path.read_bytes())
        assert rate_hz == 24_000
        assert len(samples) > 4800
        assert server.requests == []


class TestMessages:
    def test_the_endpoint_and_why(self, say, server):
        result = say("-v", "Hello.")
        assert f"using {server.url} (VOICECLI_BASE_URL is set)" in result.stderr
        assert "ttfb" in result.stderr

    def test_warnings(self, cli, say):
        cli.configure('[profiles.p]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "NONE"')
        argv = ("--profile", "p", "--retries", "0", "Hello.")
        assert "warning: profile p names NONE" in say(*argv).stderr
        assert "warning" not in say("-q", *argv).stderr

    def test_quiet_prints_errors_only(self, say, server):
        assert say("-q", "Hello.").stderr == ""
        server.reply = error(500, {"detail": "it broke"})
        result = say("-q", "--retries", "0", "Hello.")
        assert result.stderr.splitlines()[0] == "voicecli: error: the server failed (500): it broke"

    def test_retries_are_reported(self, say, server):
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
        ("config", "argv", "message"),
        [
            ("[profiles", (), "config.toml"),
            ("", ("--profile", "nobody"), "nobody"),
            ("", ("--base-url", "not a url"), "is not a URL"),
        ],
    )
    def test_a_run_that_cannot_start(self, cli, say, config, argv, message):
        complete = say("--json", "Hello.").json
        cli.configure(config)
        result = say("--json", *argv, "Hello.")
        assert result.exit_code == 3
        assert set(result.json) == set(complete)
        assert result.json["ok"] is result.json["interrupted"] is False
        assert result.json["saved"] == []
        assert result.json["error"]["code"] == "config"
        assert result.json["error"]["exit"] == 3
        assert message in result.json["error"]["message"]
        assert message in result.stderr
        assert say(*argv, "Hello.").stdout == ""


def test_a_proxy_is_used_even_for_this_machine(say, server):
    with SpeechServer(server.clips, reply=server.reply) as proxy:
        assert say("--proxy", proxy.url.removesuffix("/v1"), "Hello.").exit_code == 0
        assert len(proxy.speech_requests) == 1
    assert server.speech_requests == []


INVALID_PROXIES = ["nonsense://x", "http://", "", "http://[::1", "http://h:99999",
              "http://h:0"]  # fmt: skip


@pytest.mark.parametrize("url", INVALID_PROXIES)
def test_an_invalid_proxy_is_a_usage_error(say, url):
    result = say("--proxy", url, "Hello.")
    assert result.exit_code == 2
    assert "Invalid value for '--proxy'" in result.stderr


def test_the_password_of_a_proxy_is_not_repeated(say):
    result = say("--proxy", "gopher://user:secret@proxy.test:1", "Hello.")
    assert result.exit_code == 2
    assert "Invalid value for '--proxy'" in result.stderr
    assert "secret" not in result.stderr


def test_without_timings_there_is_no_empty_line(cli):
    result = cli.run("say", "-v", "--no-play", "--voice", "nobody", "Hello.")
    assert result.exit_code == 3
    assert "voicecli: \n" not in result.stderr
