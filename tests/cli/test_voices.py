from __future__ import annotations

import pytest

from tests.support.speech_server import VOICE_SHAPES, SpeechServer
from voicecli.errors import ExitStatus
from voicecli.sources.voices import OPENAI_VOICES


@pytest.fixture
def server():
    with SpeechServer() as server:
        yield server


def test_builtin_voices_with_the_default_marked(house):
    told = house.run("voices")
    assert told.status == 0
    lines = told.out.splitlines()
    assert lines[0] == "*  heart     en-US  American, female; in the package"
    assert lines[1].startswith("   emma")
    assert told.err == "voicecli: voices of builtin (no endpoint is set)\n"


def test_builtin_voices_as_json(house):
    told = house.run("voices", "--base-url", "builtin", "--json")
    heart = told.json[0]
    assert (heart["id"], heart["language"], heart["default"]) == ("heart", "en-US", True)
    assert not told.json[1]["default"]
    assert told.err == ""


@pytest.mark.parametrize("shape", VOICE_SHAPES)
def test_a_servers_voices_in_every_shape(house, server, shape):
    server.voices = VOICE_SHAPES[shape]
    told = house.run("voices", "--base-url", server.url, "--json")
    assert [voice["id"] for voice in told.json] == ["alloy", "heart"]
    assert [voice["default"] for voice in told.json] == [True, False]


def test_a_servers_voices_as_a_table(house, server):
    server.voices = [{"id": "alloy", "name": "Alloy\x1b[31m", "language": "en"}, "heart"]
    house.configure(f"[profiles.mine]\nbase_url = '{server.url}'\nvoice = 'heart'")
    told = house.run("voices", "--profile", "mine")
    assert told.out == "   alloy  Alloy  en\n*  heart\n"


def test_key_goes_along_only_where_it_may(house, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    house.run("voices", "--base-url", server.url)
    assert "sk-openai" not in server.requests[-1].headers["authorization"]
    monkeypatch.setenv("VOICECLI_API_KEY", "ours")
    house.run("voices", "--base-url", server.url)
    assert server.requests[-1].headers["authorization"] == "Bearer ours"


def test_openais_voices_need_no_request(house, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    told = house.run("voices", "--json")
    assert [voice["id"] for voice in told.json] == list(OPENAI_VOICES)


def test_warnings_are_told(house, monkeypatch):
    monkeypatch.setenv("VOICECLI_API_KEY", "ours")
    told = house.run("voices", "--base-url", "http://tts.invalid/v1", "--timeout", "2")
    assert "warning: VOICECLI_API_KEY is sent to tts.invalid unencrypted" in told.err
    assert told.status == ExitStatus.SOURCE


def test_server_without_a_list_exits_with_4(house, server):
    server.voices = {"detail": "no such thing"}
    told = house.run("voices", "--base-url", server.url)
    assert told.status == ExitStatus.SOURCE
    assert "no list of voices" in told.err


def test_unreachable_server_exits_with_4(house):
    with SpeechServer() as server:
        url = server.url
    told = house.run("voices", "--base-url", url)
    assert told.status == ExitStatus.SOURCE
    assert "refused" in told.err


def test_help_explains(house):
    assert "api.openai.com has no such list" in house.run("voices", "--help").out


@pytest.mark.parametrize("command", ["voices", "doctor"])
@pytest.mark.parametrize("seconds", ["inf", "nan", "0"])
def test_a_wait_is_one_that_ends(house, command, seconds):
    told = house.run(command, "--timeout", seconds)
    assert told.status == 2
    assert "--timeout" in told.err
