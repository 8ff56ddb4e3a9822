"""What a listener reports of each answer, and where its settings come from."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.session.fakes import FORMAT, FakeClock, ScriptedSource, cut_off, sound
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone
from voicecli.bench import load as module
from voicecli.bench.load import Failure, Listener
from voicecli.config.endpoint import KEYLESS
from voicecli.errors import ConfigError, NetworkError, RateLimited
from voicecli.sources.client import SpeechClient
from voicecli.sources.registry import SourceContext

OPENED = ScriptedSource.OPENED
HOST = "http://127.0.0.1:9/v1"


class Reports:
    """Keeps the events, by request type."""

    def __init__(self):
        self.events = {}

    def __call__(self, **event):
        kind = event.pop("request_type")
        assert kind not in self.events
        assert event.pop("context") == {}
        self.events[kind] = event

    def __getitem__(self, kind):
        return self.events[kind]

    def failures(self):
        return {
            kind: str(event["exception"])
            for kind, event in self.events.items()
            if event["exception"] is not None
        }


@pytest.fixture
def env(tmp_path):
    """An environment whose configuration file is empty until a test fills it."""
    path = tmp_path / "config.toml"
    path.touch()
    return {"VOICECLI_CONFIG": str(path)}


@pytest.fixture
def play(env, monkeypatch):
    """Request one script, in virtual time; returns the reports."""

    def play_script(*steps, preparing_s=0.0, **options):
        clock, reports = FakeClock(), Reports()

        def prepare():
            clock.advance(preparing_s)

        def source(endpoint, request, shared):
            reports.pcm_rate_hz = shared.pcm_rate_hz
            return ScriptedSource(list(steps), clock=clock, prepares=prepare)

        monkeypatch.setattr(module, "source_for", source)
        listener = Listener(HOST, reports, env=env, clock=clock)
        try:
            listener.request("Hello.", "pcm", **options)
        finally:
            listener.close()
        return reports

    return play_script


# Events


def test_a_whole_answer(play):
    reports = play(0.2, OPENED, 0.05, sound(0.5), 0.15, sound(0.5), 0.1)
    assert {kind: event["response_time"] for kind, event in reports.events.items()} == {
        "TTFB": 250.0,
        "TTFA": pytest.approx(250.0, abs=20),
        "continuity": 0.0,
        "RTF": pytest.approx(500.0),
        "speech": 500.0,
    }
    assert reports["TTFA"]["response_time"] >= 250.0
    assert reports["speech"]["response_length"] == len(sound(1.0))
    assert sum(event["response_length"] for event in reports.events.values()) == len(sound(1.0))
    assert reports.failures() == {}


def test_events_are_named_after_the_format_or_the_given_name(play):
    assert {event["name"] for event in play(sound(0.1)).events.values()} == {
        "pcm",
        "pcm (ms per s of audio)",
    }
    assert {event["name"] for event in play(sound(0.1), name="short").events.values()} == {
        "short",
        "short (ms per s of audio)",
    }


def test_a_gap_is_a_failure_of_continuity_alone(play):
    reports = play(sound(0.5), 1.5, sound(0.5))
    assert reports.failures() == {"continuity": "underrun: the sound had gaps"}
    assert reports["continuity"]["response_time"] == pytest.approx(1000.0, abs=150)


def test_a_cut_answer_still_has_its_beginning(play):
    reports = play(0.1, OPENED, sound(0.5), 0.3, cut_off())
    failed = reports.failures()
    assert list(failed) == ["continuity", "speech"]
    assert set(reports.events) == {"TTFB", "TTFA", *failed}
    assert failed["speech"].startswith("network: ")
    assert reports["TTFB"]["response_time"] == 100.0
    assert reports["continuity"]["response_time"] == 0.0
    assert reports["speech"]["response_time"] == pytest.approx(400.0)
    assert reports["speech"]["response_length"] == len(sound(0.5))


def test_a_truncated_answer_still_has_its_end(play):
    reports = play(sound(0.5), 0.2, sound(0.1)[:-1], 0.1)
    assert list(reports.failures()) == ["continuity", "speech"]
    assert reports.failures()["speech"].startswith("truncated_stream: ")
    assert set(reports.events) == {"TTFB", "TTFA", "continuity", "speech"}
    assert reports["speech"]["response_time"] == pytest.approx(300.0)


def test_preparing_does_not_count_against_the_server(play):
    reports = play(0.2, OPENED, sound(0.5), preparing_s=5.0)
    assert reports["TTFB"]["response_time"] == reports["speech"]["response_time"] == 200.0


def test_a_refused_answer_has_no_beginning(play):
    reports = play(0.1, RateLimited("the server asks to wait (429)"), OPENED)
    assert reports.failures() == {"speech": "rate_limited: the server asks to wait (429)"}
    assert set(reports.events) == {"speech"}
    assert reports["speech"]["response_time"] == pytest.approx(100.0)


def test_bytes_that_are_not_audio_arrive_without_being_heard(play):
    reports = play(b"\0\0\0\x20ftypM4A " + bytes(5000))
    assert set(reports.events) == {"TTFB", "speech"}
    assert reports.failures()["speech"].startswith("unsupported_format: ")


def test_an_answer_without_bytes(play):
    reports = play()
    assert set(reports.events) == {"speech"}
    assert reports.failures()["speech"].startswith("bad_response: ")


def test_a_bug_passes_through(play):
    with pytest.raises(ZeroDivisionError):
        play(sound(0.1), ZeroDivisionError())


# Failures


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("cut after 13204 bytes", "cut after ... bytes"),
        ("announced 12,480 frames and held 9.5", "announced ... frames and held ..."),
        ("refuses (429): request req_8f3a77 of 3", "refuses (429): request ... of ..."),
        ("nothing at http://127.0.0.1:8880/v1 (refused)",) * 2,
        ("the mp3 that came holds no audio",) * 2,
        ("vm-12345.example.com was not found",) * 2,
    ],
)
def test_varying_parts_of_a_message_are_replaced(message, shown):
    assert str(Failure("network", message)) == f"network: {shown}"


def test_a_failure_is_shown_as_its_text_and_keeps_its_cause():
    fault = NetworkError("gone")
    failure = Failure.of(fault)
    assert repr(failure) == str(failure) == "network: gone"
    assert failure.__cause__ is fault


# Requests and settings


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
    ("host", "said"),
    [
        (None, "--host"),
        ("builtin", "--host"),
        ("ftp://x", "ftp"),
        ("https://api.openai.com/v1", "key"),
    ],
)
def test_a_missing_server_or_key_is_a_configuration_error(host, said, env):
    with pytest.raises(ConfigError, match=said):
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
