from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading

import pytest

from tests.sources.clients import AUDIO, KEY, Notes, fails, listening, read, source
from tests.support.speech_server import FOREVER, Reply, SpeechServer
from voicecli.errors import BadResponse, NetworkError
from voicecli.sources import transport as module

pytestmark = pytest.mark.usefixtures("no_proxy")


class TestErrorBodies:
    def test_an_endless_body_is_cut(self):
        def talk(connection):
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\nit broke ")
            while True:
                connection.sendall(b"x" * 65536)

        with listening(talk) as (address, _):
            fault = fails(f"http://{address}/v1", BadResponse)
        assert "it broke" in fault.message
        assert len(fault.message) < 400

    def test_a_dripping_body_is_not_waited_for(self, monkeypatch):
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

    def test_a_broken_body_is_shown_as_far_as_it_came(self, server):
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

    def test_a_part_of_the_answer_is_not_spoken(self, server):
        server.reply = Reply(status=206, headers={"Content-Range": "bytes 0-999/2000"})
        assert "only a part of the answer (206)" in fails(server.url, BadResponse).message


class TestRedirects:
    @pytest.mark.parametrize("status", [307, 308])
    def test_the_text_does_not_follow_to_another_origin(self, server, status):
        with SpeechServer() as other:
            location = {"Location": f"{other.url}/audio/speech"}
            server.reply = Reply(status=status, body=b"", headers=location)
            fault = fails(server.url, BadResponse)
            assert other.requests == []
        assert "redirects to another server" in fault.message
        assert f'allow_redirects_to = ["{other.url.removesuffix("/v1")}"]' in fault.remedy

    def test_the_text_follows_to_an_allowed_origin_without_key_and_headers(self, server):
        with SpeechServer(reply=Reply(body=b"elsewhere")) as other:
            location = {"Location": f"{other.url}/audio/speech"}
            server.reply = Reply(status=307, body=b"", headers=location)
            allowed = {
                "allow_redirects_to": (other.url.removesuffix("/v1"),),
                "headers": (("X-Key", "hunter2hunter2"),),
            }
            assert read(server.url, limits={"server": allowed}) == b"elsewhere"
            (asked,) = other.speech_requests
        assert server.speech_requests[0].headers["x-key"] == "hunter2hunter2"
        assert KEY not in json.dumps(asked.headers)
        assert "x-key" not in asked.headers
        assert asked.json["input"] == "Hello."

    @pytest.mark.parametrize(
        "location",
        ["http://a..b/", "http://[::1", "http://127.0.0.1:99999/", "http://", "//", "http://h\\ost/",
         "http://" + "a" * 300 + "/", "file:///etc/passwd", "http://h\u00f6st/", "https://%zz/"],
    )  # fmt: skip
    def test_an_unusable_address_is_the_server_s_fault(self, server, location):
        server.reply = Reply(status=307, body=b"", headers={"Location": location})
        fails(server.url, BadResponse)

    def test_the_key_follows_on_its_own_origin(self, server):
        server.queued.append(Reply(status=307, body=b"", headers={"Location": "/v2/audio/speech"}))
        notes = Notes()
        with source(server.url) as speech, speech.open(notes) as response:
            assert b"".join(response) == AUDIO
        assert [r.headers["authorization"] for r in server.speech_requests] == [f"Bearer {KEY}"] * 2
        assert notes.events == ["connected", "sent"]

    @pytest.mark.parametrize("status", [307, 308])
    def test_an_endless_body_is_not_read(self, server, status):
        sent = []

        def talk(connection):
            location = f"Location: {server.url}/audio/speech\r\n\r\n"
            connection.sendall(f"HTTP/1.1 {status} No\r\n{location}".encode())
            while len(sent) < 5000:
                connection.sendall(b"x" * 65536)
                sent.append(None)

        with listening(talk) as (address, _):
            allowed = {"allow_redirects_to": (server.url.removesuffix("/v1"),)}
            assert read(f"http://{address}/v1", limits={"server": allowed}) == AUDIO
        assert len(sent) < 1000

    def test_a_body_that_never_comes_is_not_waited_for(self, server, monkeypatch):
        monkeypatch.setattr(module, "ERROR_BODY_S", 0.1)
        location = {"Location": "/v2/audio/speech"}
        late = Reply(status=307, body=b"x", headers=location, stall_for_s=FOREVER)
        server.queued.append(late)
        server.reply = Reply(body=AUDIO, ttfb_s=0.3)  # the answer itself may take its time
        assert read(server.url) == AUDIO

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_redirects_that_would_lose_the_text_are_errors(self, server, status):
        server.reply = Reply(status=status, body=b"", headers={"Location": "http://new.example/v1"})
        fault = fails(server.url, BadResponse)
        assert "http://new.example/v1" in fault.message
        assert "--base-url" in fault.remedy

    def test_a_redirect_without_a_location_is_an_error(self, server):
        server.reply = Reply(status=307, body=b"")
        assert "moved" in fails(server.url, BadResponse).message

    def test_endless_redirects_are_an_error(self, server):
        server.reply = Reply(status=307, body=b"", headers={"Location": "/v1/audio/speech"})
        assert "endlessly" in fails(server.url, BadResponse).message

    def test_a_plain_server_does_not_get_https_for_the_asking(self, server):
        address = f"https://127.0.0.1:{server.port}/v1/audio/speech"
        server.reply = Reply(status=308, body=b"", headers={"Location": address})
        fault = fails(server.url, BadResponse)
        assert "https://" in fault.remedy


class TestProxyOfTheEnvironment:
    def test_proxies_are_honoured(self, server, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        assert read("http://speech.example/v1") == AUDIO
        assert server.speech_requests[0].path == "http://speech.example/v1/audio/speech"

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
    def test_loopback_hosts_bypass_it(self, server, monkeypatch, name):
        with SpeechServer(reply=Reply(body=b"the proxy")) as proxy:
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
            assert read(server.url) == AUDIO
            assert proxy.requests == []

    def test_a_refusing_proxy_is_an_error_and_never_sees_the_key(self, monkeypatch):
        def refuse(connection):
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        notes = Notes()
        with listening(refuse) as (address, heads):
            monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
            refused = pytest.raises(NetworkError, match=r"proxy.*407")
            with source("https://speech.example/v1") as speech, refused:
                speech.open(notes)
        assert heads[0].startswith(b"CONNECT speech.example:443")
        assert KEY.encode() not in heads[0]
        assert "sent" not in notes.events


class TestGivenProxy:
    """What `voicecli bench --network` needs; the proxy itself is tested in tests/bench."""

    @pytest.mark.parametrize("env", [{}, {"HTTP_PROXY": "http://127.0.0.1:1"}, {"NO_PROXY": "*"}])
    def test_it_overrides_the_environment(self, server, monkeypatch, env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        limits = {"proxy": server.url.removesuffix("/v1")}
        for host in ("127.0.0.1:9", "localhost:9", "speech.example"):
            assert read(f"http://{host}/v1", limits=limits) == AUDIO
            asked = server.speech_requests[-1]
            assert asked.path == f"http://{host}/v1/audio/speech"
            assert asked.headers["host"] == host
            assert asked.headers["authorization"] == f"Bearer {KEY}"

    def test_with_plain_http_it_sees_only_the_server_s_key(self, server):
        read("http://speech.example/v1", limits={"proxy": server.url.removesuffix("/v1")})
        (asked,) = server.speech_requests
        assert [name for name, value in asked.headers.items() if KEY in value] == ["authorization"]

    @pytest.mark.parametrize("host", ["localhost:9", "speech.example:443"])
    def test_with_https_it_never_sees_the_key(self, host):
        def refuse(connection):
            connection.sendall(b"HTTP/1.1 502 it is not there\r\n\r\n")

        notes = Notes()
        with listening(refuse) as (address, heads):
            limits = {"proxy": f"http://{address}"}
            refused = pytest.raises(NetworkError, match=r"502 it is not there")
            with source(f"https://{host}/v1", limits=limits) as speech, refused:
                speech.open(notes)
        assert heads[0].startswith(f"CONNECT {host} HTTP/1.1\r\n".encode())
        assert KEY.encode() not in heads[0]
        assert "sent" not in notes.events

    def test_the_request_is_reported_once(self, server):
        notes = Notes()
        limits = {"proxy": server.url.removesuffix("/v1")}
        proxied = source("http://speech.example/v1", limits=limits)
        with proxied as speech, speech.open(notes) as response:
            assert b"".join(response) == AUDIO
        assert notes.events == ["connected", "sent"]

    @pytest.mark.parametrize("url", ["http://speech.example/v1", "https://127.0.0.1:9/v1"])
    def test_a_closed_port_is_reported_without_the_proxy_s_password(self, url):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        proxy = f"http://user:p%40ss@127.0.0.1:{port}"
        fault = fails(url, NetworkError, limits={"proxy": proxy})
        assert fault.message == (
            f"nothing listens at the proxy http://127.0.0.1:{port} (connection refused)"
        )
        assert "--proxy" in fault.remedy
        assert not fault.retryable

    def test_a_proxy_without_tls_is_an_error(self, server):
        proxy = server.url.removesuffix("/v1").replace("http:", "https:")
        fault = fails("http://speech.example/v1", NetworkError, limits={"proxy": proxy})
        assert fault.message.startswith(f"the proxy {proxy} could not be reached securely: ")

    def test_a_server_behind_it_without_tls_is_the_one_blamed(self):
        def tunnel(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with listening(tunnel) as (address, _):
            url = "https://speech.example/v1"
            fault = fails(url, NetworkError, limits={"proxy": f"http://{address}"})
        assert fault.message.startswith(f"{url} could not be reached securely: ")

    def test_an_interrupt_while_connecting_is_not_its_fault(self, monkeypatch):
        def interrupted(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(socket, "create_connection", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read("http://speech.example/v1", limits={"proxy": "http://127.0.0.1:1"})


def test_a_connection_made_after_cancelling_is_not_used(server, monkeypatch):
    """Cancelled while it connects, when there is no socket to interrupt."""
    connect = socket.create_connection

    def late(*args, **kwargs):
        speech.cancel()
        return connect(*args, **kwargs)

    monkeypatch.setattr(socket, "create_connection", late)
    with source(server.url) as speech, pytest.raises(NetworkError):
        speech.open()
    assert server.speech_requests == []
