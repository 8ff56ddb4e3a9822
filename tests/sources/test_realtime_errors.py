import json
import socket

import pytest

from tests.sources.clients import KEY, listening
from tests.sources.realtime_calls import fails, read, realtime_client
from tests.support.realtime_server import RealtimeServer, Speech
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceTimeout,
    VoiceError,
    WordsDiffer,
)
from voicecli.sources.realtime_errors import fault_of_error, reset_s_of

pytestmark = pytest.mark.usefixtures("no_proxy")


def failed(code, kind="x", message="Sorry."):
    error = {"type": kind, "code": code, "message": message}
    return Speech(status="failed", details={"type": "failed", "error": error}, seconds=0)


def incomplete(reason, **fields):
    return Speech(status="incomplete", details={"type": "incomplete", "reason": reason}, **fields)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("speech", "kind", "retryable", "words"),
    [
        (failed("rate_limit_exceeded"), RateLimited, True, "asks to wait"),
        (failed("insufficient_quota"), RateLimited, False, "no credit"),
        (failed("session_expired"), NetworkError, True, "session has ended"),
        (failed(None, "server_error"), BadResponse, True, "the server failed"),
        (failed("invalid_api_key"), AuthError, False, "refuses the key"),
        (failed(None, None, None), BadResponse, False, "gives no reason"),
        (incomplete("content_filter"), BadResponse, False, "content filter"),
        (incomplete("max_output_tokens"), BadResponse, True, "limit of output tokens"),
        (incomplete("of_the_future"), BadResponse, True, "incomplete"),
        (incomplete(None, seconds=0), BadResponse, True, "incomplete"),
        (Speech(text="I cannot do that."), BadResponse, True, "in text instead of speech"),
        (Speech(seconds=0), BadResponse, True, "no audio"),
        (
            Speech(status="cancelled", details={"reason": "turn_detected"}),
            NetworkError,
            True,
            "cancelled its answer",
        ),
        (
            Speech(error={"type": "invalid_request_error", "message": "Bad voice: 'x'."}),
            BadResponse,
            False,
            "Bad voice",
        ),
        (
            Speech(error={"type": "x", "code": "model_not_found", "message": "No such model."}),
            BadResponse,
            False,
            "No such model",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_an_answer_that_fails(speech, kind, retryable, words):
    with RealtimeServer(speech) as server, realtime_client(server.url) as client:
        fault, _ = fails(client, kind)
    assert fault.retryable is retryable
    assert words in fault.message


def test_a_cut_answer_is_heard_as_far_as_it_goes():
    with (
        RealtimeServer(incomplete("max_output_tokens", seconds=0.5)) as server,
        realtime_client(server.url) as client,
    ):
        fault, heard = fails(client, BadResponse)
    assert len(heard) == 24_000
    assert "max_input_chars" in fault.remedy


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Incorrect API key"}}, AuthError),
        (403, {"error": {"message": "Not your region"}}, AuthError),
        (429, {"error": {"message": "Slow down"}}, RateLimited),
        (404, {"detail": "Not Found"}, BadResponse),
        (400, {"error": {"message": "No such model", "code": "model_not_found"}}, BadResponse),
        (500, {}, BadResponse),
        (503, {}, BadResponse),
    ],
)
def test_a_server_that_refuses_the_connection(status, body, kind):
    with (
        RealtimeServer(refusal=(status, body)) as server,
        realtime_client(server.url) as client,
    ):
        fails(client, kind)


def test_an_error_of_the_session_ends_it_for_all():
    error = {"type": "invalid_request_error", "message": "Bad speed.", "event_id": None}
    greeting = json.dumps({"type": "error", "event_id": "e", "error": error})
    with (
        RealtimeServer(Speech(ttfb_s=1), greeting=[greeting]) as server,
        realtime_client(server.url) as client,
    ):
        fault, _ = fails(client, BadResponse)
    assert "Bad speed" in fault.message


def test_the_key_is_not_repeated():
    error = {"type": "invalid_request_error", "message": f"You sent {KEY}, \x1b[31mwhy?"}
    with (
        RealtimeServer(Speech(error=error)) as server,
        realtime_client(server.url) as client,
    ):
        fault, _ = fails(client, BadResponse)
    assert KEY not in fault.message
    assert "\x1b" not in fault.message


HEADER = "hdr-Jd93kLx0PqWe72bN"


@pytest.mark.parametrize("secret", [KEY, HEADER])
@pytest.mark.parametrize("length", [0, 182, 285])
def test_neither_key_nor_headers_are_repeated_wherever_the_message_is_cut(secret, length):
    echo = "x" * length + f" {secret} " + "y" * 3000
    error = {"type": "invalid_request_error", "message": echo}
    servers = [
        RealtimeServer(Speech(error=error)),
        RealtimeServer(failed("x", message=echo)),
        RealtimeServer(Speech(status="cancelled", details={"reason": echo})),
        RealtimeServer(Speech(text=echo)),
        RealtimeServer(greeting=[echo]),
        RealtimeServer(refusal=(400, {"error": {"message": echo}})),
        RealtimeServer(refusal=(401, {"detail": echo})),
    ]
    for running in servers:
        sent = {"headers": (("X-Tenant", HEADER),)}
        with running as server, realtime_client(server.url, server=sent) as client:
            with pytest.raises(VoiceError) as caught:
                read(client)
            assert server.connections[0].headers["x-tenant"] == HEADER
        assert secret[:9] not in f"{caught.value.message} {caught.value.remedy}"


def test_what_a_model_says_instead_is_compared_without_the_key():
    with (
        RealtimeServer(Speech(said=f"Your key is {KEY}.")) as server,
        realtime_client(server.url) as client,
    ):
        fault, _ = fails(client, WordsDiffer, is_strict=True)
    assert "your key is" in fault.message.lower()
    assert "0123456789" not in fault.message.replace(" ", "")


def test_the_key_is_not_in_the_sound_either():
    noise = bytes(range(256))
    with (
        RealtimeServer(Speech(audio=noise + KEY.encode() + noise, delta_bytes=10)) as server,
        realtime_client(server.url) as client,
    ):
        audio, _ = read(client)
    assert len(audio) == 2 * len(noise) + len(KEY)
    assert KEY[3:-4].encode() not in audio


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with realtime_client(f"http://127.0.0.1:{port}/v1") as client:
        fault, _ = fails(client, NetworkError)
    assert "nothing listens" in fault.message


class TestProxies:
    def test_a_proxy_is_asked_for_a_tunnel_without_the_key(self):
        refusal = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
        with (
            listening(lambda connection: connection.sendall(refusal)) as (address, heads),
            realtime_client("https://speech.example/v1", proxy=f"http://{address}") as client,
        ):
            fault, _ = fails(client, NetworkError)
        assert "the proxy" in fault.message
        assert "407" in fault.message
        assert heads[0].startswith(b"CONNECT speech.example:443")
        assert KEY.encode() not in heads[0]

    def test_a_closed_port_is_reported_without_the_proxy_s_password(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        proxy = f"http://user:p%40ss@127.0.0.1:{port}"
        with realtime_client("http://speech.example/v1", proxy=proxy) as client:
            fault, _ = fails(client, NetworkError)
        assert f"the proxy http://127.0.0.1:{port}" in fault.message
        assert "--proxy" in fault.remedy

    def test_socks_takes_a_further_package(self):
        with realtime_client("http://speech.example/v1", proxy="socks5://127.0.0.1:9") as client:
            fault, _ = fails(client, ConfigError)
        assert "python-socks" in fault.remedy


def test_a_server_that_does_not_answer():
    with (
        listening(lambda connection: connection.recv(1)) as (address, _),
        realtime_client(f"http://{address}/v1", connect_timeout_s=0.2) as client,
    ):
        fault, _ = fails(client, SourceTimeout)
    assert fault.retryable


@pytest.mark.parametrize(
    "answer",
    [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"\x00" * 200],
)
def test_a_server_that_speaks_something_else(answer):
    with (
        listening(lambda connection: connection.sendall(answer)) as (address, _),
        realtime_client(f"http://{address}/v1") as client,
    ):
        fails(client, NetworkError)


def test_a_redirect_to_another_server_is_refused_before_anything_is_sent():
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        location = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/v1/realtime"
        redirect = f"HTTP/1.1 307 X\r\nLocation: {location}\r\n\r\n".encode()
        with (
            listening(lambda connection: connection.sendall(redirect)) as (address, _),
            realtime_client(f"http://{address}/v1") as client,
        ):
            fault, _ = fails(client, BadResponse)
        assert "redirects to another server" in fault.message
        elsewhere.settimeout(5)
        with elsewhere.accept()[0] as connection:
            assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Rate limit reached. Please try again in 1m26.4s. Visit …", 86.4),
        ("Please try again in 20s.", 20.0),
        ("Please try again in 350ms.", 0.35),
        ("Please try again in 1h2m.", 3720.0),
        ("Please try again in 1.2.3s.", 7.0),
        ("No word of it.", 7.0),
    ],
)
def test_how_long_a_rate_limit_lasts(message, wait_s):
    fault = fault_of_error({"code": "rate_limit_exceeded", "message": message}, 7.0)
    assert isinstance(fault, RateLimited)
    assert fault.retry_after_s == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("limits", "reset_s"),
    [
        ([{"name": "tokens", "remaining": 0, "reset_seconds": 12.5}], 12.5),
        ([{"name": "tokens", "remaining": 5, "reset_seconds": 12.5}], None),
        ([{"remaining": 0, "reset_seconds": "soon"}, 7], None),
        ([{"remaining": 0, "reset_seconds": float("nan")}], None),
        ([{"remaining": 0, "reset_seconds": 10**400}], None),
        (None, None),
    ],
)
def test_when_limits_are_reset(limits, reset_s):
    assert reset_s_of({"rate_limits": limits}) == reset_s


def test_a_text_too_long_teaches_its_limit():
    message = "Invalid 'input': string too long. Expected a string with maximum length 1000."
    error = {"type": "invalid_request_error", "message": message}
    fault = fault_of_error(error)
    assert isinstance(fault, BadResponse)
    assert fault.status == 400
    assert message.encode() in fault.refusal
