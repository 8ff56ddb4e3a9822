from __future__ import annotations

import pytest

from tests.support.speech_server import VOICE_SHAPES, SpeechServer
from voicecli.errors import ExitStatus
from voicecli.sources.voices import OPENAI_VOICES


@pytest.fixture
def server():
    with SpeechServer() as server:
        yield server


def test_the_table_of_builtin_voices_marks_the_default(cli):
    result = cli.run("voices")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "*  heart     en-US  American, female; in the package"
    assert lines[1].startswith("   emma")
    assert result.stderr == "voicecli: voices of builtin (no endpoint is set)\n"


def test_builtin_voices_as_json(cli):
    result = cli.run("voices", "--base-url", "builtin", "--json")
    heart = result.json[0]
    assert (heart["id"], heart["language"], heart["default"]) == ("heart", "en-US", True)
    assert not result.json[1]["default"]
    assert result.stderr == ""


@pytest.mark.parametrize("shape", VOICE_SHAPES)
def test_a_servers_voices_in_every_shape(cli, server, shape):
    server.voices = VOICE_SHAPES[shape]
    result = cli.run("voices", "--base-url", server.url, "--json")
    assert [voice["id"] for voice in result.json] == ["alloy", "heart"]
    assert [voice["default"] for voice in result.json] == [True, False]


def test_a_server_that_has_its_list_elsewhere(cli, server):
    server.voices_path = "/v1/voices"
    result = cli.run("voices", "--base-url", server.url, "--json")
    assert [voice["id"] for voice in result.json] == ["alloy", "heart"]


def test_a_servers_voices_as_a_table(cli, server):
    server.voices = [{"id": "alloy", "name": "Alloy\x1b[31m", "language": "en"}, "heart"]
    cli.configure(f"[profiles.mine]\nbase_url = '{server.url}'\nvoice = 'heart'")
    result = cli.run("voices", "--profile", "mine")
    assert result.stdout == "   alloy  Alloy  en\n*  heart\n"


def test_only_the_key_of_the_server_is_sent(cli, server):
    cli.env["OPENAI_API_KEY"] = "sk-openai"
    cli.run("voices", "--base-url", server.url)
    assert "sk-openai" not in server.requests[-1].headers["authorization"]
    cli.env["VOICECLI_API_KEY"] = "ours"
    cli.run("voices", "--base-url", server.url)
    assert server.requests[-1].headers["authorization"] == "Bearer ours"


def test_openais_voices_need_no_request(cli):
    cli.env["OPENAI_API_KEY"] = "sk-openai"
    result = cli.run("voices", "--json")
    assert [voice["id"] for voice in result.json] == list(OPENAI_VOICES)


def test_warnings_are_printed(cli):
    cli.env["VOICECLI_API_KEY"] = "ours"
    result = cli.run("voices", "--base-url", "http://tts.invalid/v1", "--timeout", "2")
    assert "warning: VOICECLI_API_KEY is sent to tts.invalid unencrypted" in result.stderr
    assert result.exit_code == ExitStatus.SOURCE


def test_a_server_without_a_list_is_4(cli, server):
    server.voices = {"detail": "no such thing"}
    result = cli.run("voices", "--base-url", server.url)
    assert result.exit_code == ExitStatus.SOURCE
    assert "no list of voices" in result.stderr


def test_an_unreachable_server_is_4(cli):
    with SpeechServer() as server:
        url = server.url
    result = cli.run("voices", "--base-url", url)
    assert result.exit_code == ExitStatus.SOURCE
    assert "refused" in result.stderr


@pytest.mark.parametrize("command", ["voices", "doctor"])
@pytest.mark.parametrize("seconds", ["inf", "nan", "0"])
def test_the_timeout_must_be_finite_and_positive(cli, command, seconds):
    result = cli.run(command, "--timeout", seconds)
    assert result.exit_code == 2
    assert "--timeout" in result.stderr
