"""Options that do nothing, and text that is not read, are pointed out."""

from __future__ import annotations

import os

import pytest

from tests.codecs.containers import wav
from tests.codecs.signals import tone
from voicecli.cli.settings import PlaybackFlags
from voicecli.cli.unused_options import unused_by, unused_without_sound
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config

OPENAI = {"OPENAI_API_KEY": "sk-x"}


def found(choice, env=None):
    return list(unused_by(choice, resolve_endpoint(choice, env or {}, Config())))


def test_options_for_servers_do_nothing_with_the_builtin_voice():
    assert found(EndpointChoice(response_format="opus")) == [
        "--format has no effect with the built-in voice"
    ]
    choice = EndpointChoice(model="m", response_format="opus", instructions="calmly")
    assert found(choice) == [
        "--model, --format and --instructions have no effect with the built-in voice"
    ]
    assert found(EndpointChoice(voice="heart", speed=2.0)) == []
    assert found(EndpointChoice("http://a.test", model="m", instructions="calmly")) == []


def test_some_models_ignore_instructions():
    choice = EndpointChoice(model="tts-1", instructions="calmly")
    assert found(choice, OPENAI) == ["--instructions has no effect with the model tts-1"]
    assert found(EndpointChoice(instructions="calmly"), OPENAI) == []


def test_options_for_sound_do_nothing_without():
    flags = PlaybackFlags(device="headphones", buffer_ms=0.0, latency_ms="auto")
    assert list(unused_without_sound(PlaybackFlags())) == []
    assert list(unused_without_sound(flags)) == [
        "--device, --buffer-ms and --latency-ms have no effect with --no-play"
    ]


@pytest.mark.parametrize("command", [["say", "Hello."], ["play", "hello.wav"]])
def test_what_does_nothing_without_sound_is_told(cli, server, command, tmp_path):
    (tmp_path / "hello.wav").write_bytes(wav(tone(100)))
    command = [str(tmp_path / "hello.wav") if word == "hello.wav" else word for word in command]
    argv = [*command, "--no-play", "--device", "x", "--latency-ms", "20"]
    result = cli.run(*argv)
    assert "--device and --latency-ms have no effect with --no-play" in result.stderr
    assert "no effect" not in cli.run(*argv, "-q").stderr


@pytest.mark.parametrize(
    "argv", [["say", "Hello."], ["play", "x.wav"], ["replay"], ["bench"], ["bench", "--simulate"]]
)
def test_quiet_and_verbose_exclude_each_other(cli, argv):
    result = cli.run(*argv, "-q", "-v")
    assert result.exit_code == 2
    assert "--quiet and --verbose cannot be combined" in result.stderr


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.write(writer, b"Piped.")
    os.close(writer)
    with os.fdopen(reader) as stream:
        yield stream


def test_a_pipe_beside_an_argument_is_told(say, server, pipe):
    result = say("Given.", stdin=pipe)
    assert "warning: standard input is not read" in result.stderr
    assert [request.json["input"] for request in server.speech_requests] == ["Given."]


@pytest.mark.parametrize("argv", [(), ("-",), ("-f", "-")])
def test_a_pipe_that_is_read_is_not(say, pipe, argv):
    assert "warning" not in say(*argv, stdin=pipe).stderr


def test_nor_an_empty_one_or_a_file(say):
    reader, writer = os.pipe()
    with os.fdopen(reader) as empty:
        assert "warning" not in say("Given.", stdin=empty).stderr
    os.close(writer)
    assert "warning" not in say("Given.", stdin=b"Piped.").stderr
    assert "warning" not in say("Given.", stdin=None).stderr


@pytest.mark.parametrize(
    "argv", [("--save", "a.wav", "-o", "b.wav"), ("-oa.wav", "--save=b.wav", "--", "--save")]
)
def test_two_files_where_one_is_written_are_told(say, tmp_path, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    result = say(*argv, *(["Hello."] if "--" not in argv else []))
    assert "warning: --save was given 2 times: only the last one counts" in result.stderr
    assert [path.name for path in tmp_path.glob("*.wav")] == ["b.wav"]
    assert say("-q", "-o", "a.wav", "-o", "b.wav", "Hello.").stderr == ""


def test_one_file_and_repeated_options_are_not(say, tmp_path):
    result = say("-o", str(tmp_path / "a.wav"), "--extra", "a=1", "--extra", "b=2", "Hello.")
    assert "warning" not in result.stderr


class TestShortOptions:
    def test_they_are_those_that_people_know(self, say, server, tmp_path):
        (tmp_path / "text").write_text("Of a file.")
        saved = tmp_path / "a.wav"
        result = say("-f", str(tmp_path / "text"), "-o", str(saved), "-V", "emma", "-r", "350")
        assert result.exit_code == 0, result.stderr
        request = server.speech_requests[0].json
        assert (request["input"], request["voice"]) == ("Of a file.", "emma")
        assert request["speed"] == 2.0
        assert saved.exists()

    @pytest.mark.parametrize(("words", "speed"), [("175", 1.0), ("87.5", 0.5), ("43", 0.25)])
    def test_the_rate_is_words_a_minute(self, say, server, words, speed):
        say("-r", words, "Hello.")
        assert server.speech_requests[0].json["speed"] == speed

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (("-r", "1.5"), "1.5 words a minute is not from 43 to 700; --speed takes a factor"),
            (("-r", "nan"), "--speed takes a factor"),
            (("-r", "200", "--speed", "1.1"), "give --speed or --rate, not both"),
        ],
    )
    def test_a_factor_is_not_mistaken_for_words(self, say, server, argv, message):
        result = say(*argv, "Hello.")
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
        assert server.requests == []
