from __future__ import annotations

import io
import wave

import pytest

from tests.support.speech_server import Reply, SpeechServer
from voicecli.config.file import load_config
from voicecli.errors import ExitStatus
from voicecli.sources import discovery


def wav_reply():
    wav = io.BytesIO()
    with wave.open(wav, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(4800))
    return Reply(body=wav.getvalue(), content_type="audio/wav")


WAV = wav_reply()


@pytest.fixture
def server():
    with SpeechServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_other_servers(monkeypatch):
    monkeypatch.setattr(discovery, "PORTS", (1,))
    monkeypatch.setattr(discovery.find_local_servers, "__defaults__", ((1,),))


def test_known_servers_and_profiles_are_listed(cli):
    cli.configure("[profiles.mine]\nbase_url = 'http://me:s3cret@localhost:1/v1'")
    result = cli.run("endpoints", env={"GROQ_API_KEY": "gsk-1"})
    assert result.exit_code == 0, result
    lines = result.stdout.splitlines()
    (groq,) = [line for line in lines if line.startswith("groq")]
    assert "GROQ_API_KEY" in groq
    assert "not set" not in groq
    about = "canopylabs/orpheus-v1-english, autumn; wav; 200 characters at most; "
    assert about in groq
    (together,) = [line for line in lines if line.startswith("together")]
    assert "mp3 wav; does not stream; https://docs.together.ai/" in together
    (other,) = [line for line in lines if line.startswith("openrouter")]
    assert "OPENROUTER_API_KEY (not set)" in other
    assert "2026-11-27" in other
    assert any(line.startswith("mine") and "http://localhost:1/v1" in line for line in lines)
    assert "s3cret" not in result.stdout


def test_as_json(cli):
    result = cli.run("endpoints", "--json")
    assert result.json["known"]["groq"]["formats"] == ["wav"]
    assert result.json["known"]["groq"]["usable"] is False
    assert len(result.json["known"]["together"]["sources"]) > 1
    assert "copy" in result.json["known"]["groq"]["note"]
    assert result.json["known"]["together"]["note"] is None
    assert result.json["configured"] == []


def test_a_known_server_is_written_as_a_profile(cli):
    result = cli.run("endpoints", "add", "kokoro-fastapi")
    assert result.exit_code == 0, result
    profile = load_config(cli.config).profiles["kokoro-fastapi"]
    assert (profile.model, profile.extra_body) == ("kokoro", {"stream": True})
    assert cli.run("endpoints", "add", "kokoro-fastapi").exit_code == ExitStatus.CONFIG
    assert cli.run("endpoints", "add", "nothing").exit_code == ExitStatus.CONFIG


def test_each_endpoint_speaks_a_word(cli, server):
    server.reply = WAV
    cli.configure(
        f"[profiles.one]\nbase_url = '{server.url}'\nformat = 'wav'\n"
        "[profiles.two]\nbase_url = 'http://127.0.0.1:1/v1'"
    )
    result = cli.run("endpoints", "test", "--json")
    assert result.exit_code == ExitStatus.SOURCE, result
    one, two = result.json["one"], result.json["two"]
    assert (one["requested"], one["format"]) == ("wav", "wav")
    assert one["audio_s"] > 0
    assert "refused" in two["error"]


def test_a_format_that_is_not_honoured_is_named(cli, server):
    server.reply = WAV
    cli.configure(f"[profiles.one]\nbase_url = '{server.url}'")
    result = cli.run("endpoints", "test", "one")
    assert result.exit_code == 0, result
    assert "wav instead of pcm" in result.stdout
