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


@pytest.mark.parametrize("path", ["/", "//", "/nope", "/audio/speech"])
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


def test_a_model_is_described():
    app, _ = app_of()
    assert run(get, app, "/v1/models/tts-1").json in run(get, app, "/v1/models").json["data"]


def test_an_unknown_model_is_not_found():
    app, _ = app_of()
    answer = run(get, app, "/v1/models/some/where")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "'some/where'" in answer.error["message"]


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/models/tts-1/", "/health/", "/health//"])
def test_a_trailing_slash_makes_no_difference(path):
    app, log = app_of()
    answer = run(get, app, path)
    assert answer.json == run(get, app, path.rstrip("/")).json
    assert f'"GET {path}" 200' in log.access[0]


@pytest.mark.parametrize("path", ["//v1/models", "/v1//models", "http://localhost:8880/v1/models"])
def test_doubled_slashes_and_whole_urls_make_no_difference(path):
    app, _ = app_of()
    assert run(get, app, path).json == run(get, app, "/v1/models").json


def test_a_browsers_question_is_answered_with_what_it_takes():
    app, _ = app_of()
    assert "--cors ORIGIN" in run(get, app, "/v1/audio/speech", "OPTIONS").error["message"]


def test_a_base_url_without_v1_is_told():
    app, _ = app_of()
    assert "end in /v1" in run(post, app, {"input": "a"}, path="/audio/speech").error["message"]


def test_speech_may_have_a_trailing_slash():
    app, _ = app_of()
    assert run(post, app, {"input": "a"}, path="/v1/audio/speech/").status == 200


PREFLIGHT = {
    "Origin": "https://page.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
    "Access-Control-Request-Private-Network": "true",
}


@pytest.mark.parametrize("origin", ["https://page.example", "*"])
def test_web_pages_of_an_allowed_origin_may_use_the_server(origin):
    app, _ = app_of(api_key="sesame", cors_origins=(origin,))
    preflight = run(get, app, "/v1/audio/speech", "OPTIONS", **PREFLIGHT)
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-allow-private-network"] == "true"
    headers = {"Origin": PREFLIGHT["Origin"], "Authorization": "Bearer sesame"}
    answer = run(post, app, {"input": "a"}, **headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "X-Sample-Rate" in answer.headers["access-control-expose-headers"]


def test_a_web_page_can_read_why_its_request_failed():
    app, _ = app_of(api_key="sesame", cors_origins=("*",))
    answer = run(post, app, {"input": "a"}, Origin=PREFLIGHT["Origin"])
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "*")


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
def test_web_pages_of_other_origins_may_not_use_the_server(origins):
    app, _ = app_of(cors_origins=origins)
    preflight = run(get, app, "/v1/audio/speech", "OPTIONS", **PREFLIGHT)
    assert preflight.status in (400, 405)
    answer = run(post, app, {"input": "a"}, Origin=PREFLIGHT["Origin"])
    assert "access-control-allow-origin" not in answer.headers | preflight.headers


def test_the_api_needs_the_key_and_openapi_says_so():
    app, _ = app_of(api_key="sesame")
    assert run(post, app, {"input": "a"}).status == 401
    assert run(get, app, "/health").status == 200
    assert "securitySchemes" in run(get, app, "/openapi.json").json["components"]
