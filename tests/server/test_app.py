from __future__ import annotations

import pytest

from tests.server.asgi_client import get, post, run
from tests.server.fakes import app_of
from voicecli.sources.voices import parse_voices


def test_voices_models_health_and_openapi_are_served():
    app, _ = app_of(max_concurrency=7)
    assert "heart" in {voice.id for voice in parse_voices(run(get, app, "/v1/audio/voices").json)}
    assert "tts-1" in {model["id"] for model in run(get, app, "/v1/models").json["data"]}
    health = {"status": "ok", "busy": 0, "max_concurrency": 7}
    assert run(get, app, "/health").json == health
    assert "/v1/audio/speech" in run(get, app, "/openapi.json").json["paths"]


@pytest.mark.parametrize("path", ["/", "/nope", "/v1/models/", "/audio/speech"])
def test_an_unknown_path_is_not_found(path):
    app, _ = app_of()
    answer = run(get, app, path)
    assert (answer.status, answer.error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/audio/speech", "POST"), ("DELETE", "/health", "GET, HEAD")],
)
def test_a_wrong_method_is_not_allowed(method, path, allowed):
    app, _ = app_of()
    answer = run(get, app, path, method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.error["code"] == "method_not_allowed"


def test_the_api_needs_the_key_and_openapi_says_so():
    app, _ = app_of(api_key="sesame")
    assert run(post, app, {"input": "a"}).status == 401
    assert run(get, app, "/health").status == 200
    assert "securitySchemes" in run(get, app, "/openapi.json").json["components"]
