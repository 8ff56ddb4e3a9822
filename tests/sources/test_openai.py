from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time

import pytest

from tests.support.speech_server import FOREVER, Clip, Reply, SpeechServer, error, sse
from voicecli.endpoint import KEYLESS
from voicecli.errors import (
    AuthError,
    BadResponse,
    ConfigError,
    NetworkError,
    RateLimited,
    SourceTimeout,
)
from voicecli.request import SpeechRequest
from voicecli.sources import openai as module
from voicecli.sources.openai import OpenAISource, SpeechClient

KEY = "sk-0123456789abcdef"
AUDIO = bytes(range(256)) * 64
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server():
    with SpeechServer(reply=Reply(body=AUDIO)) as running:
        yield running


@contextlib.contextmanager
def client(url, key=KEY, **limits):
    made = SpeechClient(url, key, **limits)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def source(url, key=KEY, *, pcm_rate_hz=None, limits=None, **fields):
    request = SpeechRequest(**{
        "text": "Hello.", "voice": "alloy", "model": "tts-1", "response_format": "pcm", **fields
    })  # fmt: skip
    with client(url, key, **(limits or {})) as made:
        yield OpenAISource(made, request, pcm_rate_hz=pcm_rate_hz)


def read(url, *args, **fields):
    with source(url, *args, **fields) as speech, speech:
        return b"".join(speech)


def fails(url, kind, *args, **fields):
    with pytest.raises(kind) as caught:
        read(url, *args, **fields)
    assert type(caught.value) is kind
    return caught.value


@contextlib.contextmanager
def listening(talk):
    """Raw TCP: ``talk(connection)`` once for every connection, after its request's head came."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heads = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        head = b""
                        while b"\r\n\r\n" not in head:
                            head += connection.recv(65536)
                        heads.append(head)
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", heads
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()


class TestRequest:
    def test_asks_for_what_was_asked_for(self, server):
        body = read(
            server.url,
            text="Good day.",
            voice="heart",
            model="m-1",
            response_format="opus",
            speed=1.5,
            instructions="cheerfully",
            extra_body={"stream": True, "lang": {"code": "en"}},
        )
        assert body == AUDIO
        (asked,) = server.speech_requests
        assert asked.json == {
            "input": "Good day.",
            "voice": "heart",
            "model": "m-1",
            "response_format": "opus",
            "speed": 1.5,
            "instructions": "cheerfully",
            "stream": True,
            "lang": {"code": "en"},
        }
        assert asked.headers["authorization"] == f"Bearer {KEY}"

    def test_leaves_out_what_was_not_said(self, server):
        read(server.url)
        (asked,) = server.speech_requests
        assert set(asked.json) == {"input", "voice", "model", "response_format"}

    def test_asks_for_uncompressed_bytes(self, server):
        read(server.url)
        assert server.speech_requests[0].headers["accept-encoding"] == "identity"

    def test_nothing_about_the_machine_is_sent(self, server):
        read(server.url)
        headers = server.speech_requests[0].headers
        assert not [
            name for name in headers if "-os" in name or "arch" in name or "runtime" in name
        ]

    def test_the_requests_of_one_client_share_its_connection(self, server):
        with client(server.url) as made:
            request = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")
            for _ in range(2):
                with OpenAISource(made, request) as speech:
                    assert b"".join(speech) == AUDIO
            assert len(made._sockets) == 1

    def test_the_label_is_the_endpoint(self, server):
        with source(server.url) as speech:
            assert speech.label == server.url

    def test_it_is_told_once_that_the_request_has_left(self, server):
        told = []
        with source(server.url) as speech:
            speech.when_sent(lambda: told.append(len(server.speech_requests)))
            speech.warm()
            assert told == []
            with speech:
                assert len(told) == 1

    def test_a_source_that_failed_may_be_entered_again(self, server):
        server.queued.append(error(500, {}))
        told = []
        with source(server.url) as speech:
            speech.when_sent(lambda: told.append(1))
            with pytest.raises(BadResponse), speech:
                pass
            with speech:
                assert b"".join(speech) == AUDIO
        assert told == [1, 1]


class TestAnswer:
    def test_what_the_headers_say_is_known_once_entered(self, server):
        server.reply = Reply(
            body=AUDIO,
            content_type="audio/pcm",
            headers={"X-Sample-Rate": "22050", "X-Channels": "2"},
        )
        with source(server.url, pcm_rate_hz=8000) as speech:
            assert speech.info.rate_hz == 8000
            with speech:
                assert speech.info.requested == "pcm"
                assert speech.info.content_type == "audio/pcm"
                assert speech.info.rate_hz == 22050
                assert speech.info.channels == 2

    @pytest.mark.parametrize(
        "nonsense", ["", "fast", "-1", "0", "3999", "999999999", "44100.5", "0x5000", "1e5"]
    )
    def test_nonsense_in_the_headers_is_ignored(self, server, nonsense):
        headers = {"X-Sample-Rate": nonsense, "X-Channels": nonsense}
        server.reply = Reply(
            body=AUDIO, headers={k: v.encode().decode("latin-1") for k, v in headers.items()}
        )
        with source(server.url, pcm_rate_hz=16_000) as speech, speech:
            assert (speech.info.rate_hz, speech.info.channels) == (16_000, None)

    def test_bytes_arrive_as_they_are_sent(self, server):
        server.reply = Reply(body=AUDIO, chunk_bytes=1001)
        with source(server.url) as speech, speech:
            chunks = list(speech)
        assert b"".join(chunks) == AUDIO
        assert len(chunks) > 1
        assert all(chunks)

    def test_the_first_byte_is_not_held_back_for_more(self, server):
        server.clips = {"pcm": Clip(b"ab", 1.0, "audio/pcm")}
        server.reply = Reply(chunk_bytes=1, stall_at_s=0.5, stall_for_s=FOREVER)
        with source(server.url) as speech, speech:
            assert next(iter(speech)) == b"a"

    def test_a_compressed_answer_comes_in_bounded_pieces(self, server):
        clear = bytes(32 * 1024 * 1024)
        server.reply = Reply(
            body=gzip.compress(clear, 9), chunk_bytes=None, headers={"Content-Encoding": "gzip"}
        )
        with source(server.url) as speech, speech:
            sizes = [len(chunk) for chunk in speech]
        assert sum(sizes) == len(clear)
        assert max(sizes) <= 1024 * 1024

    @pytest.mark.parametrize("coding", ["br", "gzip, ZSTD"])
    def test_a_compression_that_nobody_undoes_is_no_sound(self, server, coding):
        server.reply = Reply(body=bytes(100), headers={"Content-Encoding": coding})
        message = fails(server.url, BadResponse).message
        assert f"compressed its answer with {coding.split(', ')[-1].lower()}" in message

    def test_a_badly_compressed_answer_is_told(self, server):
        server.reply = Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})
        assert "compressed" in fails(server.url, BadResponse).message

    @pytest.mark.parametrize("framing", ["chunked", "length"])
    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_is_told_after_what_came(self, server, framing, reset):
        server.reply = Reply(body=AUDIO, framing=framing, cut_at=0.5, reset=reset, chunk_bytes=None)
        got = []
        cut = pytest.raises(NetworkError, match=r"cut after \d+ bytes")
        with source(server.url) as speech, cut as caught, speech:
            got += speech
        assert not caught.value.retryable
        if not reset:  # what a reset overtakes may be lost on the way
            assert b"".join(got) == AUDIO[: len(AUDIO) // 2]


class TestEvents:
    def test_the_audio_of_an_event_stream(self, server):
        server.reply = sse(AUDIO, piece=1000)
        wanted = {"pcm_rate_hz": 24_000, "extra_body": {"stream_format": "sse"}}
        with source(server.url, **wanted) as speech, speech:
            assert speech.info.content_type.startswith("text/event-stream")
            assert b"".join(speech) == AUDIO
            # what the events carry has no type of its own
            assert speech.info.content_type is None
            assert (speech.info.requested, speech.info.rate_hz) == ("pcm", 24_000)
        assert server.speech_requests[0].json["stream_format"] == "sse"

    def test_a_stream_that_stops_before_its_last_event_is_an_error(self, server):
        whole = sse(AUDIO)
        server.reply = Reply(
            body=whole.body[: whole.body.index(b"speech.audio.done")],
            content_type="text/event-stream",
        )
        assert "last event" in fails(server.url, NetworkError).message

    def test_an_error_event_is_told_after_the_audio_before_it(self, server):
        delta = sse(b"abc").body.partition(b"\n\n")[0]
        server.reply = Reply(
            body=delta + b'\n\ndata: {"type": "error", "error": {"message": "voice lost"}}\n\n',
            content_type="text/event-stream",
            chunk_bytes=None,
        )
        got = []
        with source(server.url) as speech, pytest.raises(BadResponse, match="voice lost"), speech:
            got += speech
        assert got == [b"abc"]

    def test_an_error_event_does_not_show_the_key(self, server):
        body = b'data: {"error": {"message": "bad key %s"}}\n\n' % KEY.encode()
        server.reply = Reply(body=body, content_type="text/event-stream")
        assert KEY not in fails(server.url, BadResponse).message


class TestRefusals:
    def test_401_is_about_the_key(self, server):
        server.reply = error(401, {"error": {"message": f"Incorrect API key: {KEY}"}})
        fault = fails(server.url, AuthError)
        assert "Incorrect API key" in fault.message
        assert KEY not in str(fault) + fault.message

    def test_a_dummy_key_is_no_secret(self, server):
        server.reply = error(400, {"detail": "ask the voicecli people"})
        assert "voicecli people" in fails(server.url, BadResponse, KEYLESS).message

    def test_a_key_too_short_to_be_one_garbles_no_message(self, server):
        server.reply = error(400, {"detail": "a box of foxes"})
        assert "a box of foxes" in fails(server.url, BadResponse, "x").message

    def test_429_says_how_long_to_wait(self, server):
        server.reply = error(429, {"detail": "busy"}, Retry_After="7")
        fault = fails(server.url, RateLimited)
        assert (fault.retry_after_s, fault.retryable) == (7.0, True)

    def test_a_complaint_with_status_200_does_not_repeat_the_key(self, server):
        server.reply = Reply(
            body=json.dumps({"error": f"no such key {KEY}"}).encode(),
            content_type="application/json",
        )
        body = read(server.url)
        assert b"no such key" in body
        assert KEY.encode() not in body

    def test_a_body_without_end_is_not_read_to_it(self):
        def talk(connection):
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\nit broke ")
            while True:
                connection.sendall(b"x" * 65536)

        with listening(talk) as (address, _):
            fault = fails(f"http://{address}/v1", BadResponse)
        assert "it broke" in fault.message
        assert len(fault.message) < 400

    def test_a_body_that_drips_is_not_waited_for(self, monkeypatch):
        monkeypatch.setattr(module, "ERROR_BODY_S", 0.2)
        pace = threading.Event()

        def talk(connection):
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n")
            while True:
                connection.sendall(b"drip ")
                pace.wait(0.02)

        with listening(talk) as (address, _):
            assert "drip" in fails(f"http://{address}/v1", BadResponse).message

    def test_a_body_that_never_comes_is_not_waited_for(self, server, monkeypatch):
        monkeypatch.setattr(module, "ERROR_BODY_S", 0.1)
        server.reply = Reply(status=503, body=b"late", stall_for_s=FOREVER)
        assert "(503)" in fails(server.url, BadResponse).message

    def test_a_body_that_breaks_off_tells_what_came(self, server):
        server.reply = Reply(
            status=500, body=b"it broke down here", cut_at=0.5, framing="length", chunk_bytes=None
        )
        assert "it broke" in fails(server.url, BadResponse).message

    def test_a_compressed_flood_is_bounded(self, server):
        server.reply = Reply(
            status=500,
            body=gzip.compress(b"x" * (64 << 20), 9),
            headers={"Content-Encoding": "gzip"},
        )
        assert len(fails(server.url, BadResponse).message) < 400

    def test_nobody_there(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        fault = fails(f"http://127.0.0.1:{port}/v1", NetworkError)
        assert str(port) in fault.message
        assert fault.remedy

    def test_a_server_that_hangs_up(self):
        with listening(lambda connection: None) as (address, _):
            assert fails(f"http://{address}/v1", NetworkError).retryable

    def test_a_server_that_speaks_no_http(self):
        with listening(lambda c: c.sendall(b"220 mail.example ESMTP\r\n")) as (address, _):
            fails(f"http://{address}/v1", NetworkError)

    def test_the_sdk_s_own_limit_on_waiting(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        assert fails(server.url, SourceTimeout, limits={"read_timeout_s": 0.1}).retryable

    def test_a_key_that_http_cannot_carry_is_not_shown(self, server):
        fault = fails(server.url, ConfigError, "sk-01234567\n89")
        assert "0123" not in fault.message + (fault.remedy or "")

    def test_defects_are_not_blamed_on_the_server(self, server):
        with pytest.raises(TypeError):
            read(server.url, extra_body={"what": object()})


class TestRedirects:
    @pytest.mark.parametrize("status", [307, 308])
    def test_the_key_does_not_follow_to_another_origin(self, server, status):
        with SpeechServer(reply=Reply(body=b"elsewhere")) as other:
            server.reply = Reply(
                status=status, body=b"", headers={"Location": f"{other.url}/audio/speech"}
            )
            assert read(server.url) == b"elsewhere"
            (asked,) = other.speech_requests
        assert KEY not in json.dumps(asked.headers)
        assert asked.json["input"] == "Hello."

    def test_the_key_follows_on_its_own_origin(self, server):
        server.queued.append(Reply(status=307, body=b"", headers={"Location": "/v2/audio/speech"}))
        told = []
        with source(server.url) as speech:
            speech.when_sent(lambda: told.append(1))
            with speech:
                assert b"".join(speech) == AUDIO
        assert [r.headers["authorization"] for r in server.speech_requests] == [f"Bearer {KEY}"] * 2
        assert told == [1]

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_redirects_that_would_lose_the_text_are_told(self, server, status):
        server.reply = Reply(status=status, body=b"", headers={"Location": "http://new.example/v1"})
        fault = fails(server.url, BadResponse)
        assert "http://new.example/v1" in fault.message
        assert "--base-url" in fault.remedy

    def test_a_redirect_to_nowhere_is_told(self, server):
        server.reply = Reply(status=307, body=b"")
        assert "moved" in fails(server.url, BadResponse).message

    def test_a_redirect_without_end_is_told(self, server):
        server.reply = Reply(status=307, body=b"", headers={"Location": "/v1/audio/speech"})
        assert "without end" in fails(server.url, BadResponse).message

    def test_a_redirect_to_a_file_is_told(self, server):
        server.reply = Reply(status=307, body=b"", headers={"Location": "file:///etc/passwd"})
        assert "redirects" in fails(server.url, BadResponse).message

    def test_a_plain_server_cannot_hand_over_to_one_that_claims_to_be_secure(self, server):
        """No certificate is trusted there, so nothing is said to whoever shows one."""
        with SpeechServer() as other:  # speaks no TLS, so sees the handshake only
            address, heads = f"127.0.0.1:{other.port}", other.exchanges
            server.reply = Reply(
                status=308, body=b"", headers={"Location": f"https://{address}/v1/audio/speech"}
            )
            fault = fails(server.url, NetworkError)
        assert "securely" in fault.message
        assert heads == []


class TestTrust:
    def test_plain_http_trusts_no_certificate(self):
        context = module._trust("http", here=False)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.get_ca_certs() == []

    def test_https_is_verified_as_the_transport_does(self):
        assert module._trust("https", here=False) is True

    def test_https_on_this_machine_is_verified_too(self):
        context = module._trust("https", here=True)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


LEAKS = {
    "OPENAI_API_KEY": "sk-leak-of-the-openai-key",
    "OPENAI_ADMIN_KEY": "sk-leak-of-the-admin-key",
    "OPENAI_ORG_ID": "org-leak",
    "OPENAI_PROJECT_ID": "project-leak",
    "OPENAI_WEBHOOK_SECRET": "webhook-leak",
    "OPENAI_BASE_URL": "http://leak.example/v1",
    "OPENAI_CUSTOM_HEADERS": "X-Leak: custom-leak\nAuthorization: Bearer leak\n"
    "accept-encoding: gzip\nHost: leak.example",
}


class TestEnvironment:
    def test_nothing_of_openai_s_variables_reaches_another_server(self, server, monkeypatch):
        for name, value in LEAKS.items():
            monkeypatch.setenv(name, value)
        assert read(server.url) == AUDIO
        (asked,) = server.speech_requests
        assert "leak" not in json.dumps([asked.headers, asked.json])
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["accept-encoding"] == "identity"

    def test_openai_itself_is_told_organization_and_project(self, monkeypatch):
        for name, value in LEAKS.items():
            monkeypatch.setenv(name, value)
        with client("https://api.openai.com/v1") as made:
            headers = made.sdk().default_headers
        assert headers["OpenAI-Organization"] == "org-leak"
        assert headers["OpenAI-Project"] == "project-leak"
        assert "custom-leak" not in json.dumps(headers)

    def test_openai_is_told_nothing_where_nothing_is_set(self, monkeypatch):
        for name in LEAKS:
            monkeypatch.delenv(name, raising=False)
        with client("https://api.openai.com/v1") as made:
            assert not [n for n in made.sdk().default_headers if n.startswith("OpenAI-")]

    def test_proxies_are_honoured(self, server, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        assert read("http://speech.example/v1") == AUDIO
        assert server.speech_requests[0].path == "http://speech.example/v1/audio/speech"

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
    def test_no_proxy_is_asked_for_this_machine(self, server, monkeypatch, name):
        with SpeechServer(reply=Reply(body=b"the proxy")) as proxy:
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
            assert read(server.url) == AUDIO
            assert proxy.exchanges == []

    def test_a_proxy_that_refuses_is_told_and_learns_no_key(self, monkeypatch):
        def refuse(connection):
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        told = []
        with listening(refuse) as (address, heads):
            monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
            with source("https://speech.example/v1") as speech:
                speech.when_sent(lambda: told.append(1))
                with pytest.raises(NetworkError, match=r"proxy.*407"), speech:
                    pass
        assert heads[0].startswith(b"CONNECT speech.example:443")
        assert KEY.encode() not in heads[0]
        assert told == []

    def test_a_proxy_of_an_unusable_kind_is_a_configuration_error(self, monkeypatch):
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        with source("http://speech.example/v1") as speech, pytest.raises(ConfigError) as caught:
            speech.warm()
        assert "ALL_PROXY" in caught.value.remedy


class TestGivenProxy:
    """What `voicecli bench --network` needs; the proxy itself is tested in tests/bench."""

    @pytest.mark.parametrize("said", [{}, {"HTTP_PROXY": "http://127.0.0.1:1"}, {"NO_PROXY": "*"}])
    def test_it_is_asked_whatever_the_environment_says(self, server, monkeypatch, said):
        for name, value in said.items():
            monkeypatch.setenv(name, value)
        limits = {"proxy": server.url.removesuffix("/v1")}
        for host in ("127.0.0.1:9", "localhost:9", "speech.example"):
            assert read(f"http://{host}/v1", limits=limits) == AUDIO
            asked = server.speech_requests[-1]
            assert asked.path == f"http://{host}/v1/audio/speech"
            assert asked.headers["host"] == host
            assert asked.headers["authorization"] == f"Bearer {KEY}"

    def test_it_learns_no_key_from_plain_http_but_the_server_s(self, server):
        read("http://speech.example/v1", limits={"proxy": server.url.removesuffix("/v1")})
        (asked,) = server.speech_requests
        assert [name for name, value in asked.headers.items() if KEY in value] == ["authorization"]

    @pytest.mark.parametrize("host", ["localhost:9", "speech.example:443"])
    def test_it_learns_no_key_from_https_at_all(self, host):
        def refuse(connection):
            connection.sendall(b"HTTP/1.1 502 it is not there\r\n\r\n")

        told = []
        with listening(refuse) as (address, heads):
            limits = {"proxy": f"http://{address}"}
            with source(f"https://{host}/v1", limits=limits) as speech:
                speech.when_sent(lambda: told.append(1))
                with pytest.raises(NetworkError, match=r"502 it is not there"), speech:
                    pass
        assert heads[0].startswith(f"CONNECT {host} HTTP/1.1\r\n".encode())
        assert KEY.encode() not in heads[0]
        assert told == []

    def test_the_request_is_told_of_once(self, server):
        told = []
        limits = {"proxy": server.url.removesuffix("/v1")}
        with source("http://speech.example/v1", limits=limits) as speech:
            speech.when_connected(lambda: told.append("connected"))
            speech.when_sent(lambda: told.append("sent"))
            with speech:
                assert b"".join(speech) == AUDIO
        assert told == ["connected", "sent"]

    def test_nobody_there_is_told(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        fault = fails(
            "http://speech.example/v1", NetworkError, limits={"proxy": f"http://127.0.0.1:{port}"}
        )
        assert "refused" in fault.message


class TestCancel:
    def read_in_background(self, speech):
        """Iterate on a thread; ``seen`` gets the bytes, then the exception, if any."""
        seen = []

        def work():
            try:
                with speech:
                    seen.extend(speech)
            except Exception as fault:  # noqa: BLE001
                seen.append(fault)

        thread = threading.Thread(target=work)
        thread.start()
        return thread, seen

    def wait_until(self, condition):
        give_up_at = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < give_up_at
            threading.Event().wait(0.005)

    def test_it_wakes_a_reader_that_waits_for_the_answer(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = self.read_in_background(speech)
            self.wait_until(lambda: server.speech_requests)
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[0], NetworkError)

    def test_it_wakes_a_reader_in_the_body(self, server):
        server.clips = {}
        server.reply = Reply(body=AUDIO, framing="length", stall_for_s=FOREVER)
        with source(server.url) as speech:
            thread, seen = self.read_in_background(speech)
            self.wait_until(
                lambda: server.speech_requests and server.speech_requests[0].first_byte_at
            )
            speech.cancel()
            speech.cancel()
            thread.join(5)
            assert not thread.is_alive()
        assert isinstance(seen[-1], NetworkError)

    def test_nothing_is_asked_once_it_was_called(self, server):
        with source(server.url) as speech:
            speech.cancel()
            with pytest.raises(NetworkError), speech:
                pass
        assert server.exchanges == []

    def test_a_connection_made_after_it_was_called_is_not_used(self, server):
        """The moment between the check and the socket, which a thread may fall into."""
        with source(server.url) as speech:
            made = speech._client
            remember = made._remember

            def late(opened):
                speech.cancel()
                remember(opened)

            made._remember = late
            with pytest.raises(NetworkError), speech:
                pass
        assert server.speech_requests == []

    def test_closing_what_was_never_used(self):
        SpeechClient("http://127.0.0.1:9/v1", KEY).close()
