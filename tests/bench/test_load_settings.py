"""What a listener requests, and where its settings come from."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.bench.load_reports import Reports
from tests.session.fakes import FORMAT, ScriptedSource, sound
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone
from voicecli.bench import load as module
from voicecli.bench.load import Listener
from voicecli.config.server import KEYLESS
from voicecli.errors import ConfigError
from voicecli.sources.client import SpeechClient
from voicecli.sources.registry import SourceContext

OPENED = ScriptedSource.OPENED
HOST = "http://127.0.0.1:9/v1"


def ask(url, env, **options):
    reports = Reports()
    listener = Listener(url, reports, env=env)
    try:
        listener.request("Hello there.", "pcm", **options)
    finally:
        listener.close()
    return reports


def pcm(seconds):
    return Reply(body=np.full(FORMAT.frames(seconds), 900, "<i2").tobytes())


def test_the_request_is_the_endpoint_s(env):
    env["VOICECLI_API_KEY"] = "sk-of-this-server"
    with SpeechServer(reply=pcm(0.5)) as server:
        reports = ask(server.url, env)
        (asked,) = server.speech_requests
    assert reports.failures() == {}
    assert asked.headers["authorization"] == "Bearer sk-of-this-server"
    assert asked.json == {
        "input": "Hello there.", "model": "tts-1", "voice": "alloy", "response_format": "pcm"
    }  # fmt: skip


def test_voice_and_model_of_one_request(env):
    with SpeechServer(reply=pcm(0.1)) as server:
        ask(server.url, env, voice="af_bella", model="kokoro")
        (asked,) = server.speech_requests
    assert (asked.json["voice"], asked.json["model"]) == ("af_bella", "kokoro")
    assert asked.headers["authorization"] == f"Bearer {KEYLESS}"


def test_a_profile(env, tmp_path):
    with SpeechServer(reply=pcm(0.1)) as server:
        (tmp_path / "config.toml").write_text(
            f'[profiles.p]\nbase_url = "{server.url}"\nvoice = "af_sky"\n'
            'speed = 1.5\ninstructions = "Softly."\nextra = { stream = true }\n'
        )
        listener = Listener(None, Reports(), profile="p", env=env)
        listener.request("Hi.", "pcm")
        listener.close()
        (asked,) = server.speech_requests
    assert asked.json["voice"] == "af_sky"
    assert (asked.json["speed"], asked.json["stream"]) == (1.5, True)
    assert asked.json["instructions"] == "Softly."


def test_the_rate_of_headerless_pcm(play, tmp_path):
    assert play(sound(0.1)).pcm_rate_hz is None
    (tmp_path / "config.toml").write_text("sample_rate = 8000\n")
    assert play(sound(0.1)).pcm_rate_hz == 8000


def test_the_configuration_sets_the_timeout(env, tmp_path):
    (tmp_path / "config.toml").write_text("timeout_s = 0.05\n")
    with SpeechServer(reply=Reply(ttfb_s=30.0)) as server:
        assert ask(server.url, env).failures()["speech"].startswith("timeout: ")


def test_the_configuration_sets_the_connect_timeout(env, tmp_path, monkeypatch):
    made = []

    def context(**settings):
        made.append(settings)
        return SourceContext(**settings)

    monkeypatch.setattr(module, "SourceContext", context)
    (tmp_path / "config.toml").write_text("connect_timeout_s = 1.5\n")
    Listener(HOST, Reports(), env=env).close()
    assert [settings["connect_timeout_s"] for settings in made] == [1.5]


def test_the_configuration_sets_the_buffer(play, tmp_path):
    slow = [step for _ in range(10) for step in (sound(0.1), 0.05)]
    soon = play(*slow)["TTFA"]["response_time"]
    (tmp_path / "config.toml").write_text("buffer_ms = 500\n")
    assert play(*slow)["TTFA"]["response_time"] > max(soon, 190.0)


def test_a_refusal_is_reported_and_not_raised(env):
    with SpeechServer(reply=error(429, {"detail": "slow down"})) as server:
        reports = ask(server.url, env)
    assert reports.failures()["speech"].startswith("rate_limited: ")
    assert "slow down" in reports.failures()["speech"]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (None, "--host"),
        ("builtin", "--host"),
        ("ftp://x", "ftp"),
        ("https://api.openai.com/v1", "key"),
    ],
)
def test_a_missing_server_or_key_is_a_configuration_error(host, message, env):
    with pytest.raises(ConfigError, match=message):
        Listener(host, Reports(), env=env)


def test_locust_is_not_imported():
    """It would replace this process's sockets, locks and threads."""
    assert "locust" not in sys.modules
    assert "gevent" not in sys.modules


def test_its_client_is_made_before_the_first_request(env, monkeypatch):
    made = []
    monkeypatch.setattr(SpeechClient, "prepare", lambda self: made.append(self.base_url))
    Listener(HOST, Reports(), env=env).close()
    assert made == [HOST]


def test_slow_imports_happen_with_the_module(env):
    clips = clips_of(tone(0.5, rate_hz=24_000), rate_hz=24_000, formats=("opus", "mp3"))
    with SpeechServer(clips) as server:
        late = subprocess.run(
            [sys.executable, "-c", LATE_IMPORTS, server.url],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert len(server.speech_requests) == 2
    assert late.split() == []


LATE_IMPORTS = """
import sys
from voicecli.bench.load import Listener
known = set(sys.modules)
listener = Listener(sys.argv[1], lambda **event: None)
for response_format in ("opus", "mp3"):
    listener.request("Hello.", response_format)
slow = ("openai", "httpx2", "httpcore2", "pydantic", "numpy", "av", "opuslib")
print(*(name for name in set(sys.modules) - known if name.partition(".")[0] in slow))
"""
