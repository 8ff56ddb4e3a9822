from __future__ import annotations

import anyio
import pytest

from tests.server.asgi_client import Client, get, run, scope
from voicecli.server.middleware import REQUEST_RECORD, AccessMiddleware


def wrapped(app, key=None):
    lines, errors = [], []
    return AccessMiddleware(app, key, lines.append, errors.append), lines, errors


async def fine(scope, receive, send):
    scope[REQUEST_RECORD].audio = "0.10 s of pcm"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"12345", "more_body": True})
    await send({"type": "http.response.body"})


async def broken(scope, receive, send):
    raise RuntimeError("a secret")


async def broken_midway(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("midway")


def test_without_a_key_every_request_passes_and_is_logged():
    app, lines, _ = wrapped(fine)
    assert run(get, app, "/a\x1b[2Jb").body == b"12345"
    start, end = lines[0].split(" ms, ")
    assert start.startswith('127.0.0.1 "GET /ab" 200 5 bytes, ')
    assert end == "0.10 s of pcm"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer", 401),
        ("Bearer nope", 401),
        ("Basic sesame", 401),
        ("sesame", 401),
        ("Bearer sesame", 200),
        ("bearer  sesame ", 200),
    ],
)
def test_a_key_is_required(header, status):
    app, lines, _ = wrapped(fine, "sesame")

    async def ask():
        return await get(app, "/v1/models", **({"Authorization": header} if header else {}))

    answer = run(ask)
    assert answer.status == status
    assert f" {status} " in lines[0]
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.error["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8880", "LocalHost:", "127.0.0.1:8880", "[::1]:8880", "[::1]", ""),
        *("192.168.1.7", "speech:80", "host.docker.internal:8880", "me.local", "A.LocalHost"),
        *("[::ffff:127.0.0.1]:8880", "voice.home.arpa", "my_pc.local:1"),
        *("localhost.", "LOCALHOST.:8880", "me.local."),
    ],
)
def test_without_a_key_local_names_are_answered(host):
    app, _, _ = wrapped(fine)

    async def ask():
        return await get(app, "/v1/models", Host=host)

    assert run(ask).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:8880", "127.0.0.1.evil.example", "localhost.evil.example", "local.host."),
        *("evil.com#.local", "evil.com/.local", "evil.com?.home.arpa", "x@evil.com:80.local"),
        *("evil.com .local", "evil#", ".local", "home.arpa.com", "com.", "me.local.."),
    ],
)
def test_without_a_key_other_names_are_rejected(host):
    app, lines, _ = wrapped(fine)
    with_key, _, _ = wrapped(fine, "sesame")

    async def ask(app):
        return await get(app, "/v1/models", Host=host, Authorization="Bearer sesame")

    answer = run(ask, app)
    assert answer.status == 421
    assert answer.error["code"] == "misdirected_request"
    assert host in answer.error["message"]
    assert " 421 " in lines[0]
    assert run(ask, with_key).status == 200


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_some_paths_need_no_key(path):
    app, _, _ = wrapped(fine, "sesame")
    assert run(get, app, path).status == 200


def test_a_bug_is_reported_but_not_to_the_client():
    app, lines, errors = wrapped(broken)
    answer = run(get, app, "/")
    assert answer.status == 500
    assert answer.error["type"] == "server_error"
    assert "secret" not in answer.body.decode()
    assert [str(error) for error in errors] == ["a secret"]
    assert lines[0].endswith("failed")


def test_a_bug_midway_ends_the_response_early():
    app, lines, errors = wrapped(broken_midway)
    answer = run(get, app, "/")
    assert (answer.status, answer.complete) == (200, False)
    assert len(errors) == 1
    assert lines[0].endswith("failed")


def test_a_cancelled_response_is_logged():
    async def endless(scope, receive, send):
        await anyio.sleep_forever()

    app, lines, errors = wrapped(endless)

    async def ask():
        client = Client()
        with anyio.move_on_after(0):
            await app(scope(client=None), client.receive, client.send)

    run(ask)
    assert lines[0].startswith('- "GET /" - 0 bytes')
    assert lines[0].endswith("stopped")
    assert errors == []
