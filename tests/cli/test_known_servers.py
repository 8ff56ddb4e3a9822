"""The known servers, each spoken with through its preset: what it answers, and what it refuses."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path

import pytest

from tests.support.speech_server import Reply, SpeechServer, error
from tests.support.tones import encode, tone
from voicecli.config.presets import presets

SHAPES = tomllib.loads(Path(__file__).with_name("known_servers.toml").read_text(encoding="utf-8"))
SPOKEN_S = 0.5
LIST = b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf61.7.100\0\0"

ANSWERS = [(name, answer) for name, row in SHAPES.items() for answer in row["answers"]]
ERRORS = [(name, each) for name, row in SHAPES.items() for each in row["errors"]]


def names(cases):
    return [f"{name}-{case.get('format') or case['status']}" for name, case in cases]


def sound(answer):
    """Return the bytes of half a second of a tone, as the server sends them."""
    rate_hz = answer.get("rate_hz", 24_000)
    samples = tone(SPOKEN_S, rate_hz=rate_hz)
    body = encode(samples, answer["format"], rate_hz=rate_hz)
    if answer["format"] != "wav":
        return body
    data = body[body.index(b"data") + 8 :]
    size = answer.get("wav", len(data))
    chunks = (LIST if answer.get("has_list") else b"") + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(size + 36, 0xFFFFFFFF)) + body[8:36] + chunks


@pytest.fixture
def say(cli):
    """Speak through a preset, written as a profile whose address is a server of the test's."""
    with SpeechServer() as server:

        def run(name, reply, *argv):
            server.reply = reply
            preset = presets()[name]
            assert cli.run("endpoints", "add", name).exit_code == 0
            text = cli.config.read_text().replace(preset.profile.base_url, server.url)
            # OPENAI_API_KEY is refused for any other server, so the key has another name.
            cli.config.write_text(text.replace(preset.profile.api_key_env or "no key", "TEST_KEY"))
            key = {"TEST_KEY": "k-123"} if preset.needs_key else {}
            flags = ("--profile", name, "--device", "null", "--no-state", "--retries", "0")
            result = cli.run("say", *flags, *argv, "--json", "Hello there.", env=key)
            assert server.speech_requests, result
            return result, server.speech_requests[0]

        yield run


def test_every_known_server_has_its_answers_and_errors():
    assert set(SHAPES) == set(presets()) - {"serve"}  # which the tests run itself
    for row in SHAPES.values():
        assert row["answers"]
        assert row["errors"]
        assert all(source.startswith("https://") for source in row["sources"])


@pytest.mark.parametrize(("name", "answer"), ANSWERS, ids=names(ANSWERS))
def test_an_answer_is_spoken(say, name, answer):
    reply = Reply(
        sound(answer),
        content_type=answer["content_type"],
        headers=answer.get("headers", {}),
        framing=answer.get("framing", "chunked"),
    )
    result, request = say(name, reply, "--format", answer["format"])
    assert result.exit_code == 0, result
    assert result.json["spoken_s"] == pytest.approx(SPOKEN_S, abs=0.06)
    profile = presets()[name].profile
    asked = {"model": profile.model, "voice": profile.voice, "response_format": answer["format"]}
    asked |= profile.extra_body or {}
    assert {key: request.json.get(key) for key in asked} == asked
    assert request.headers["authorization"] == (
        "Bearer k-123" if presets()[name].needs_key else "Bearer voicecli"
    )


@pytest.mark.parametrize(("name", "refusal"), ERRORS, ids=names(ERRORS))
def test_a_refusal_is_understood(say, name, refusal):
    headers = refusal.get("headers", {})
    result, _ = say(name, error(refusal["status"], refusal["body"], **headers))
    assert result.exit_code == refusal["exit"], result
    fault = result.json["error"]
    assert f"({refusal['status']})" in fault["message"]
    assert ("for 7 s" in fault["message"]) is ("retry-after" in headers)
    assert "{" not in fault["message"] or name in {"openrouter", "openai"}  # a list as a string
    remedy = fault.get("remedy", "")
    assert refusal["remedy"] in remedy if refusal["remedy"] else not remedy
