from __future__ import annotations

import re
import time

import pytest

from tests.support.in_process import Result
from voicecli.cli.learned import learned_files
from voicecli.config.retired import RetiredModels
from voicecli.errors import ExitStatus
from voicecli.playback.history import HistoryFile, HistoryKey
from voicecli.playback.latency import LatencyFile
from voicecli.session.cooldowns import CooldownFile
from voicecli.session.limit_file import LimitFile
from voicecli.session.pace_file import PaceFile
from voicecli.sources.label_file import LabelFile
from voicecli.text.grouping import Estimate
from voicecli.text.limits import InputLimit, LimitOrigin

KOKORO = """
volume = 0.5
recordings = "/var/speech"

[profiles.kokoro]
base_url = "http://tts.example.org/v1"
voice = "af_bella"
extra = { stream = true }
"""


def rows(result):
    """Parse the table to {setting: (value, origin)}; columns are two spaces or more apart."""
    cells = [
        [c.strip() for c in line.split("  ") if c.strip()] for line in result.stdout.splitlines()
    ]
    return {row[0]: tuple(row[1:]) for row in cells}


def test_the_path_is_printed(cli):
    result = cli.run("config", "path")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{cli.config}\n", "")


def test_the_path_follows_the_variable(cli):
    cli.env["VOICECLI_CONFIG"] = "/elsewhere.toml"
    assert cli.run("config", "path").stdout == "/elsewhere.toml\n"


def test_defaults_are_shown_with_their_origin(cli):
    table = rows(cli.run("config", "show"))
    assert table["file"] == (str(cli.config), "does not exist")
    assert table["endpoint"] == ("builtin", "no endpoint is set")
    assert table["voice"] == ("heart", "default")
    assert table["volume"] == ("1.0", "default")
    assert table["device"] == ("-", "default")
    assert "key" not in table
    assert "profiles" not in table


def test_settings_of_the_file_and_flags_are_shown_with_their_origin(cli):
    cli.env["VOICECLI_API_KEY"] = "s3cret"
    cli.configure(KOKORO)
    result = cli.run("config", "show", "--profile", "kokoro")
    table = rows(result)
    assert table["file"] == (str(cli.config),)
    assert table["endpoint"] == ("http://tts.example.org/v1", "--profile kokoro was given")
    assert table["profiles"] == ("kokoro", "file")
    assert table["profile"] == ("kokoro",)
    assert table["key"] == ("set", "VOICECLI_API_KEY")
    assert table["voice"] == ("af_bella", "profile kokoro")
    assert table["extra"] == ("{'stream': True}", "profile kokoro")
    assert table["volume"] == ("0.5", "file")
    assert table["recordings"] == ("/var/speech", "file")
    assert "warning: VOICECLI_API_KEY is sent to tts.example.org unencrypted" in result.stdout
    assert "s3cret" not in result.stdout + result.stderr


def test_a_missing_key_is_shown(cli):
    assert rows(cli.run("config", "show", "--base-url", "localhost:1"))["key"] == ("not set",)


def test_json_has_the_same_settings(cli):
    cli.env["OPENAI_API_KEY"] = "s3cret"
    cli.configure(KOKORO)
    result = cli.run("config", "show", "--json")
    assert result.json["file"] == {"path": str(cli.config), "exists": True}
    assert result.json["profiles"] == ["kokoro"]
    endpoint = result.json["endpoint"]
    assert endpoint["url"] == "https://api.openai.com/v1"
    assert endpoint["reason"] == "OPENAI_API_KEY is set"
    assert endpoint["key"] == {"set": True, "variable": "OPENAI_API_KEY"}
    assert (endpoint["model"], endpoint["from"]["model"]) == ("gpt-4o-mini-tts", "default")
    assert endpoint["from"].keys() == {"model", "voice"}
    assert endpoint["extra"] == {}
    assert result.json["settings"]["volume"] == {"value": 0.5, "from": "file"}
    assert result.json["settings"]["recordings"] == {"value": "/var/speech", "from": "file"}
    assert result.json["settings"]["device"] == {"value": None, "from": "default"}
    assert result.json["warnings"] == []
    assert "s3cret" not in result.stdout + result.stderr


def test_every_value_of_a_profile_has_its_origin(cli):
    cli.configure(KOKORO + 'format = "opus"\ncache = true\nmax_input_chars = 900\nspeed = 1.5\n')
    endpoint = cli.run("config", "show", "--profile", "kokoro", "--json").json["endpoint"]
    of_profile = ("voice", "format", "extra", "cache", "max_input_chars", "speed")
    assert endpoint["from"] == {"model": "default"} | dict.fromkeys(of_profile, "profile kokoro")


def test_a_broken_file_is_3(cli):
    cli.configure("volum = 1")
    result = cli.run("config", "show")
    assert result.exit_code == ExitStatus.CONFIG
    assert 'unknown key "volum"' in result.stderr
    assert 'did you mean "volume"?' in result.stderr
    assert result.stdout == ""


def test_help_has_examples(cli):
    for command in (["config"], ["config", "show"], ["config", "path"]):
        result = cli.run(*command, "--help")
        assert (
            "voicecli config path" in result.stdout
            or "voicecli config show --json" in result.stdout
        )


URL = "http://tts.example.org/v1"
KIND = HistoryKey(URL, "kokoro", "opus")


@pytest.fixture
def history(cli):
    return HistoryFile(cli.home / "cache" / "voicecli" / "arrivals.jsonl")


def test_what_was_learned_is_shown(cli, history):
    history.add(KIND, 0.2)
    history.add(KIND, 0.1)
    history.add(KIND._replace(format="pcm"), 0.0)
    lines = [line for line in cli.run("config", "show").stdout.splitlines() if "buffers" in line]
    assert [line.split()[1:] for line in lines] == [
        [*KIND, "buffers", "320", "ms,", "from", "2", "runs"],
        [*KIND[:2], "pcm", "buffers", "0", "ms,", "from", "1", "run"],
    ]
    result = cli.run("config", "show", "--json").json
    assert result["learned"][0] == KIND._asdict() | {
        "runs": 2,
        "needed_ms": [200.0, 100.0],
        "wait_ms": 320.0,
    }


FACTS = {
    "learned": lambda at: HistoryFile(at / "arrivals.jsonl").add(KIND, 0.2),
    "pace": lambda at: PaceFile(at / "pace.json").put(URL, "kokoro", Estimate(0.3, 0.004, 0.07)),
    "limits": lambda at: LimitFile(at / "limits.json").put(
        URL, "kokoro", InputLimit(4096, LimitOrigin.LEARNED)
    ),
    "labels": lambda at: LabelFile(at / "labels.json").put(URL, "audio/mpeg"),
    "retired": lambda at: RetiredModels(at / "retired_models.json").add(URL, "tts-1"),
    "cooldowns": lambda at: CooldownFile(at / "cooldowns.json").put(
        f"{URL} kokoro", time.time() + 100, 120.0
    ),
    "devices": lambda at: LatencyFile(at / "devices.json").put("ALSA pulse", 0.08),
}
"""How to write one fact of each kind that ``config show`` lists, by its key in JSON."""

SHOWN = {
    "learned": (" ".join(KIND), "buffers 320 ms, from 1 run"),
    "pace": (f"{URL} kokoro", "first byte after 300 ms, 4.0 ms a character"),
    "limits": (f"{URL} kokoro", "takes 4096 characters a request"),
    "labels": (URL, "labels raw PCM audio/mpeg"),
    "retired": (URL, "no longer has tts-1"),
    "devices": ("ALSA pulse", "buffers 80 ms"),
}


def learned(cli):
    lines = cli.run("config", "show").stdout.splitlines()
    return [" ".join(line.split()[1:]) for line in lines if line.startswith("learned")]


def test_everything_that_can_be_forgotten_is_listed_and_forgotten(cli):
    folder = cli.home / "cache" / "voicecli"
    empty = cli.run("config", "show", "--json").json
    for write in FACTS.values():
        write(folder)
    shown = cli.run("config", "show", "--json").json
    assert {kind: len(shown[kind]) for kind in FACTS} == dict.fromkeys(FACTS, 1)
    assert len(learned(cli)) == len(FACTS)
    assert {path.name for path in folder.iterdir()} == {file.name for file in learned_files()}
    assert cli.run("config", "forget").stderr == "voicecli: deleted\n"
    assert cli.run("config", "show", "--json").json == empty
    assert learned(cli) == []
    assert not list(folder.iterdir())


@pytest.mark.parametrize("kind", SHOWN)
def test_each_fact_is_a_row(cli, kind):
    FACTS[kind](cli.home / "cache" / "voicecli")
    assert learned(cli) == [" ".join(SHOWN[kind])]


def test_a_cooldown_is_shown_with_the_time_left(cli):
    FACTS["cooldowns"](folder := cli.home / "cache" / "voicecli")
    (row,) = learned(cli)
    left_s = float(re.fullmatch(rf"{URL} kokoro failed; not asked for (\d+) s more", row)[1])
    assert 0 < left_s <= 100
    CooldownFile(folder / "cooldowns.json").put(f"{URL} kokoro", time.time() - 1, 120.0)
    assert learned(cli) == [f"{URL} kokoro failed; asked again by now"]


@pytest.mark.parametrize(
    ("entries", "words"), [('a = "b"', "1 entry"), ('a = "b"\nc = "d"', "2 entries")]
)
def test_the_lexicon_is_counted(cli, entries, words):
    cli.configure(f"[lexicon]\n{entries}\n")
    assert rows(cli.run("config", "show"))["lexicon"] == (words, "file")


def test_the_history_can_be_deleted(cli, history):
    history.add(KIND, 0.2)
    assert cli.run("config", "forget") == Result(0, "", "voicecli: deleted\n")
    assert cli.run("config", "show", "--json").json["learned"] == []
    assert "there was nothing to delete" in cli.run("config", "forget").stderr


def test_a_history_that_cannot_be_deleted_is_7(cli, history):
    history.path.mkdir(parents=True)
    result = cli.run("config", "forget")
    assert result.exit_code == ExitStatus.SAVE
    assert f"cannot delete {history.path}" in result.stderr
