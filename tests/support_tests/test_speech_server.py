"""Every feature of the speech server, seen by a plain client."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time

import pytest

from tests.support.speech_server import (
    FOREVER,
    VOICE_SHAPES,
    Clip,
    Reply,
    SpeechServer,
    error,
    sse,
)

BODY = bytes(range(256)) * 40
CLIPS = {"pcm": Clip(BODY, 1.0, "audio/pcm")}


@pytest.fixture
def server():
    with SpeechServer(CLIPS) as running:
        yield running


@pytest.fixture
def connection(server):
    with contextlib.closing(connect(server)) as open_connection:
        yield open_connection


def connect(server: SpeechServer, timeout_s: float = 10) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout_s)


def post(connection: http.client.HTTPConnection, **fields: object) -> http.client.HTTPResponse:
    body = {"model": "m", "voice": "v", "input": "hi", "response_format": "pcm"} | fields
    connection.request("POST", "/v1/audio/speech", json.dumps(body), {"X-Mine": "yes"})
    return connection.getresponse()


def raw(server: SpeechServer, reply: Reply) -> bytes:
    """Return everything on the wire until the server closes."""
    server.reply = reply
    body = json.dumps({"response_format": "pcm"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096, None])
def test_the_body_arrives_whole(server, connection, framing, chunk_bytes) -> None:
    server.reply = Reply(framing=framing, chunk_bytes=chunk_bytes)
    response = post(connection)
    assert response.read() == BODY
    assert response.getheader("Content-Type") == "audio/pcm"
    (request,) = server.speech_requests
    assert request.finished.wait(10)
    assert request.sent == len(BODY)


def test_http_chunks_have_the_given_size(server) -> None:
    wire = raw(server, Reply(chunk_bytes=4096))
    assert wire.count(b"\r\n1000\r\n") == 2
    assert wire.endswith(b"\r\n0\r\n\r\n")


def test_requests_are_recorded(server, connection) -> None:
    post(connection, input="hello", speed=1.5).read()
    (request,) = server.speech_requests
    assert request.json["input"] == "hello"
    assert request.json["speed"] == 1.5
    assert request.headers["x-mine"] == "yes"
    assert request.at <= request.first_byte_at


@pytest.mark.parametrize(
    ("reply", "missing"),
    [
        (Reply(cut_at=0.5), http.client.IncompleteRead),
        (Reply(cut_at=0.5, framing="length"), http.client.IncompleteRead),
        (Reply(cut_at=0.5, reset=True), (ConnectionResetError, http.client.IncompleteRead)),
        (Reply(cut_at=0.5, reset=True, framing="length"), ConnectionResetError),
    ],
    ids=["chunked", "length", "chunked reset", "length reset"],
)
def test_a_cut_is_visible_to_the_client(server, connection, reply, missing) -> None:
    server.reply = reply
    response = post(connection)
    with pytest.raises(missing):
        response.read()


def test_a_body_ended_by_closing_hides_a_cut(server, connection) -> None:
    server.reply = Reply(cut_at=0.5, framing="close")
    assert post(connection).read() == BODY[: len(BODY) // 2]


def test_pace_ttfb_and_stalls_take_their_time(server, connection) -> None:
    server.reply = Reply(ttfb_s=0.1, pace=4, chunk_bytes=512, stall_at_s=0.5, stall_for_s=0.2)
    before = time.monotonic()
    post(connection).read()
    took = time.monotonic() - before
    (request,) = server.speech_requests
    assert request.finished.wait(10)
    assert request.first_byte_at - request.at >= 0.1
    assert request.last_byte_at - request.first_byte_at >= 0.2 + 0.95 / 4
    assert took < 5


def test_a_server_that_never_answers_still_closes() -> None:
    with (
        SpeechServer(CLIPS, reply=Reply(ttfb_s=FOREVER)) as server,
        contextlib.closing(connect(server, timeout_s=0.2)) as connection,
        pytest.raises(TimeoutError),
    ):
        post(connection)


def test_errors_have_status_body_and_headers(server, connection) -> None:
    server.reply = error(429, {"detail": "slow down"}, Retry_After="1")
    response = post(connection)
    assert (response.status, response.getheader("Retry-After")) == (429, "1")
    assert json.loads(response.read()) == {"detail": "slow down"}


def test_queued_replies_are_used_first(server, connection) -> None:
    server.queued.append(error(500, {}))
    first = post(connection)
    first.read()
    assert first.status == 500
    assert post(connection).read() == BODY


def test_an_event_stream_contains_the_audio(server, connection) -> None:
    server.reply = sse(BODY, chunk_bytes=1000)
    response = post(connection)
    assert response.getheader("Content-Type").startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in response.read().split(b"\n\n") if line]
    audio = b"".join(base64.b64decode(event.get("audio", "")) for event in events)
    assert audio == BODY
    assert events[-1]["type"] == "speech.audio.done"


def test_a_client_that_hangs_up_is_recorded(server, connection) -> None:
    server.reply = Reply(pace=1, chunk_bytes=64)
    response = post(connection)
    response.read(64)
    response.close()
    connection.close()
    assert server.requests[0].finished.wait(10)
    assert server.requests[0].client_disconnected
    assert server.requests[0].sent < len(BODY)


@pytest.mark.parametrize("shape", VOICE_SHAPES)
def test_voices_come_in_every_shape(server, connection, shape) -> None:
    server.voices = VOICE_SHAPES[shape]
    connection.request("GET", "/v1/audio/voices")
    assert json.loads(connection.getresponse().read()) == VOICE_SHAPES[shape]


def test_other_paths_are_not_found(server, connection) -> None:
    for method, path, body in (("GET", "/", None), ("POST", "/v1/chat", "{}")):
        connection.request(method, path, body)
        response = connection.getresponse()
        assert response.status == 404
        response.read()


def test_the_server_runs_on_its_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.speech_server", "--seconds", "0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        assert run.stdin is not None
        host, port = json.loads(run.stdout.readline())["url"].split("/")[2].split(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port))) as connection:
            assert len(post(connection).read()) == 4800
        run.stdin.close()
        assert run.wait(10) == 0
