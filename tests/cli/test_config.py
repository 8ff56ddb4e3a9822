from __future__ import annotations

import pytest

from tests.cli.conftest import Told
from voicecli.errors import ExitStatus
from voicecli.playback.history import HistoryFile, HistoryKey

KOKORO = """
volume = 0.5
recordings = "/var/speech"

[profiles.kokoro]
base_url = "http://tts.example.org/v1"
voice = "af_bella"
extra = { stream = true }
"""


def rows(told):
    """The table as {setting: (value, from)}; cells are two spaces or more apart."""
    cells = [[c.strip() for c in line.split("  ") if c.strip()] for line in told.out.splitlines()]
    return {row[0]: tuple(row[1:]) for row in cells}


def test_path_is_printed(house):
    told = house.run("config", "path")
    assert (told.status, told.out, told.err) == (0, f"{house.config}\n", "")


def test_path_follows_the_variable(house, monkeypatch):
    monkeypatch.setenv("VOICECLI_CONFIG", "/elsewhere.toml")
    assert house.run("config", "path").out == "/elsewhere.toml\n"


def test_defaults_are_shown_with_their_origin(house):
    table = rows(house.run("config", "show"))
    assert table["file"] == (str(house.config), "not there")
    assert table["endpoint"] == ("builtin", "no endpoint is set")
    assert table["voice"] == ("heart", "default")
    assert table["volume"] == ("1.0", "default")
    assert table["device"] == ("-", "default")
    assert "key" not in table
    assert "profiles" not in table


def test_what_the_file_and_flags_set_is_shown_as_theirs(house, monkeypatch):
    monkeypatch.setenv("VOICECLI_API_KEY", "s3cret")
    house.configure(KOKORO)
    told = house.run("config", "show", "--profile", "kokoro")
    table = rows(told)
    assert table["file"] == (str(house.config),)
    assert table["endpoint"] == ("http://tts.example.org/v1", "--profile kokoro was given")
    assert table["profiles"] == ("kokoro", "file")
    assert table["profile"] == ("kokoro",)
    assert table["key"] == ("set", "VOICECLI_API_KEY")
    assert table["voice"] == ("af_bella", "profile kokoro")
    assert table["extra"] == ("{'stream': True}", "profile kokoro")
    assert table["volume"] == ("0.5", "file")
    assert table["recordings"] == ("/var/speech", "file")
    assert "warning: VOICECLI_API_KEY is sent to tts.example.org unencrypted" in told.out
    assert "s3cret" not in told.out + told.err


def test_missing_key_is_shown(house):
    assert rows(house.run("config", "show", "--base-url", "localhost:1"))["key"] == ("not set",)


def test_json_says_the_same(house, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    house.configure(KOKORO)
    told = house.run("config", "show", "--json")
    assert told.json["file"] == {"path": str(house.config), "exists": True}
    assert told.json["profiles"] == ["kokoro"]
    endpoint = told.json["endpoint"]
    assert endpoint["url"] == "https://api.openai.com/v1"
    assert endpoint["reason"] == "OPENAI_API_KEY is set"
    assert endpoint["key"] == {"set": True, "variable": "OPENAI_API_KEY"}
    assert (endpoint["model"], endpoint["from"]["model"]) == ("gpt-4o-mini-tts", "default")
    assert endpoint["extra"] == {}
    assert told.json["settings"]["volume"] == {"value": 0.5, "from": "file"}
    assert told.json["settings"]["recordings"] == {"value": "/var/speech", "from": "file"}
    assert told.json["settings"]["device"] == {"value": None, "from": "default"}
    assert told.json["warnings"] == []
    assert "s3cret" not in told.out + told.err


def test_broken_file_is_told_and_exits_with_3(house):
    house.configure("volum = 1")
    told = house.run("config", "show")
    assert told.status == ExitStatus.CONFIG
    assert 'unknown key "volum"' in told.err
    assert 'did you mean "volume"?' in told.err
    assert told.out == ""


def test_help_has_examples(house):
    for command in (["config"], ["config", "show"], ["config", "path"]):
        told = house.run(*command, "--help")
        assert "voicecli config path" in told.out or "voicecli config show --json" in told.out


KIND = HistoryKey("http://tts.example.org/v1", "kokoro", "opus")


@pytest.fixture
def history(house):
    return HistoryFile(house.home / "cache" / "voicecli" / "arrivals.jsonl")


def test_what_was_learned_is_shown(house, history):
    history.add(KIND, 0.2)
    history.add(KIND, 0.1)
    history.add(KIND._replace(format="pcm"), 0.0)
    lines = [line for line in house.run("config", "show").out.splitlines() if "waits" in line]
    assert [line.split()[1:] for line in lines] == [
        [*KIND, "waits", "320", "ms,", "from", "2", "runs"],
        [*KIND[:2], "pcm", "waits", "0", "ms,", "from", "1", "run"],
    ]
    told = house.run("config", "show", "--json").json
    assert told["learned"][0] == KIND._asdict() | {
        "runs": 2,
        "needed_ms": [200.0, 100.0],
        "wait_ms": 320.0,
    }


def test_what_was_learned_can_be_forgotten(house, history):
    history.add(KIND, 0.2)
    assert house.run("config", "forget") == Told(0, "", "voicecli: forgotten\n")
    assert house.run("config", "show", "--json").json["learned"] == []
    assert "there was nothing to forget" in house.run("config", "forget").err


def test_what_cannot_be_forgotten_is_told(house, history):
    history.path.mkdir(parents=True)
    told = house.run("config", "forget")
    assert told.status == ExitStatus.SAVE
    assert f"cannot delete {history.path}" in told.err
