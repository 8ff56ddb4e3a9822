from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sources.clients import listening
from voicecli.config.server import KEYLESS, Server
from voicecli.errors import BadResponse, ConfigError, NetworkError, SourceTimeout
from voicecli.sources import http_get as module

pytestmark = pytest.mark.usefixtures("no_proxy")


def get(url, key, *, timeout_s, redirects=()):
    server = Server(url, key, allow_redirects_to=redirects)
    return module.get(server, timeout_s=timeout_s)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        status, headers, body = self.server.answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have stopped
            self.wfile.write(body)


@contextlib.contextmanager
def serving(answers):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.seen = answers, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_returns_the_answer_with_its_status():
    answers = {
        "/ok": (200, {"X-One": "1"}, b"body"),
        "/no": (404, {"Retry-After": "7"}, b'{"detail": "Not Found"}'),
    }
    with serving(answers) as server:
        found = get(server.url + "/ok", "k3y", timeout_s=5)
        assert (found.status, found.body, found.headers["x-one"]) == (200, b"body", "1")
        missing = get(server.url + "/no", None, timeout_s=5)
        assert (missing.status, missing.body) == (404, b'{"detail": "Not Found"}')
        assert missing.headers["retry-after"] == "7"
        assert server.seen == [("/ok", "Bearer k3y"), ("/no", None)]


def test_redirect_within_the_origin_keeps_the_key():
    answers = {"/a": (307, {"Location": "/b"}, b""), "/b": (200, {}, b"there")}
    with serving(answers) as server:
        assert get(server.url + "/a", "k3y", timeout_s=5).body == b"there"
        assert server.seen[-1] == ("/b", "Bearer k3y")


def test_redirect_to_another_origin_is_not_followed_unless_allowed():
    with serving({"/b": (200, {}, b"there")}) as other:
        answers = {"/a": (302, {"Location": other.url + "/b"}, b"")}
        with serving(answers) as server, pytest.raises(BadResponse, match="to another server"):
            get(server.url + "/a", "k3y", timeout_s=5)
        assert other.seen == []


def test_redirect_to_an_allowed_origin_leaves_the_key_behind():
    with serving({"/b": (200, {}, b"there")}) as other:
        answers = {"/a": (302, {"Location": other.url + "/b"}, b"")}
        with serving(answers) as server:
            url = server.url + "/a"
            assert get(url, "k3y", timeout_s=5, redirects=(other.url,)).body == b"there"
        assert server.seen == [("/a", "Bearer k3y")]
        assert other.seen == [("/b", None)]


def test_key_that_was_left_behind_does_not_come_back():
    with serving({}) as server, serving({}) as other:
        server.answers["/a"] = (302, {"Location": other.url + "/b"}, b"")
        other.answers["/b"] = (302, {"Location": server.url + "/c"}, b"")
        server.answers["/c"] = (200, {}, b"")
        get(server.url + "/a", "k3y", timeout_s=5, redirects=(other.url,))
        assert server.seen == [("/a", "Bearer k3y"), ("/c", None)]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "data:,x", "ftp://127.0.0.1:1/x", "socks://me:s3cret@a:"]
)
def test_redirect_to_another_scheme_is_not_followed(location):
    with (
        serving({"/a": (302, {"Location": location}, b"")}) as server,
        pytest.raises(BadResponse, match="redirects to an unusable address") as caught,
    ):
        get(server.url + "/a", None, timeout_s=5)
    assert "s3cret" not in caught.value.message


def test_the_endless_body_of_a_redirect_is_not_read():
    sent = []

    def talk(connection):
        location = f"Location: {server.url}/ok\r\n\r\n".encode()
        connection.sendall(b"HTTP/1.1 302 Found\r\n" + location)
        while len(sent) < 5000:
            connection.sendall(b"x" * 65536)
            sent.append(None)

    with serving({"/ok": (200, {}, b"here")}) as server, listening(talk) as (address, _):
        url = f"http://{address}/"
        assert get(url, None, timeout_s=10, redirects=(server.url,)).body == b"here"
    assert len(sent) < 1000


def test_endless_redirects_end():
    with (
        serving({"/a": (302, {"Location": "/a"}, b"")}) as server,
        pytest.raises(BadResponse, match="redirects endlessly"),
    ):
        get(server.url + "/a", None, timeout_s=5)


@pytest.mark.parametrize("coding", [{}, {"Content-Encoding": "gzip"}])
def test_a_huge_answer_is_an_error(monkeypatch, coding):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    body = gzip.compress(bytes(3_000_000)) if coding else bytes(300_000)
    with (
        serving({"/a": (200, coding, body)}) as server,
        pytest.raises(BadResponse, match="more than"),
    ):
        get(server.url + "/a", None, timeout_s=5)


def test_an_endless_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)

    def talk(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with listening(talk) as (address, _), pytest.raises(BadResponse, match="more than"):
        get(f"http://{address}/", None, timeout_s=20)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["silence", "headers", "body"],
)
def test_a_server_that_drips_for_ever_is_a_timeout_and_leaves_no_thread(beginning):
    """Each byte comes in time, the whole never."""
    released = threading.Event()

    def drip(connection):
        while beginning and not released.wait(0.01):
            connection.sendall(b"x")
        released.wait(20)

    def talk(connection):
        connection.sendall(beginning)
        drip(connection)

    with listening(talk) as (address, _):
        try:
            with pytest.raises(SourceTimeout, match="did not answer in time"):
                get(f"http://{address}/", None, timeout_s=0.1)
            for left in threading.enumerate():
                if left.name == "voicecli-get":
                    left.join(20)
                    assert not left.is_alive()
        finally:
            released.set()


def test_a_refused_connection_is_a_network_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NetworkError, match="refused") as raised:
        get(f"http://127.0.0.1:{port}/v1?secret=1", None, timeout_s=5)
    assert "secret" not in raised.value.message


def reset(connection):
    """Close with an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 404 No\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A" * 200_000,
    ],
    ids=["nothing", "short", "short 404", "half a chunk", "ssh", "endless header"],
)
@pytest.mark.parametrize("last", [lambda connection: None, reset], ids=["closed", "reset"])
def test_an_answer_that_breaks_off_or_is_not_http_is_a_network_error(answer, last):
    def talk(connection):
        connection.sendall(answer)
        last(connection)

    with listening(talk) as (address, _), pytest.raises(NetworkError):
        get(f"http://{address}/", None, timeout_s=5)


def test_loopback_hosts_bypass_the_proxy(monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nothing listens
    with serving({"/v1/models": (200, {}, b"{}")}) as server:
        assert get(f"{server.url}/v1/models", None, timeout_s=5.0).status == 200


def test_other_hosts_go_through_the_proxy(monkeypatch):
    with serving({"http://speech.example/v1/models": (200, {}, b"{}")}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert get("http://speech.example/v1/models", "k3y", timeout_s=5.0).status == 200
        assert proxy.seen == [("http://speech.example/v1/models", "Bearer k3y")]


@pytest.mark.parametrize("status", [200, 401])
def test_an_echoed_key_is_hidden(status):
    answers = {"/": (status, {"X-Echo": "Bearer sk-0123456789"}, b"bad key sk-0123456789")}
    with serving(answers) as server:
        answer = get(f"{server.url}/", "sk-0123456789", timeout_s=20)
    assert answer.body == b"bad key (the key)"
    assert answer.headers["x-echo"] == "Bearer (the key)"


def test_a_key_in_the_host_of_a_redirect_is_hidden():
    answers = {"/": (307, {"Location": "http://sk-0123456789.example/"}, b"")}
    with serving(answers) as server, pytest.raises(BadResponse) as caught:
        get(server.url, "sk-0123456789", timeout_s=5)
    assert "0123456789" not in f"{caught.value.message}{caught.value.remedy}"
    assert "(the key).example" in caught.value.remedy


def test_a_key_echoed_in_place_of_http_is_hidden():
    def talk(connection):
        connection.sendall(b"sk-0123456789\r\n\r\n")

    with listening(talk) as (address, _), pytest.raises(NetworkError) as raised:
        get(f"http://{address}/", "sk-0123456789", timeout_s=5)
    assert "sk-01" not in raised.value.message


@pytest.mark.parametrize("key", [None, "voice", KEYLESS])
def test_what_is_not_a_secret_stays(key):
    with serving({"/": (200, {}, b"a voice of voicecli")}) as server:
        assert get(f"{server.url}/", key, timeout_s=20).body == b"a voice of voicecli"


def test_an_unusable_proxy_is_a_configuration_error(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        get("http://speech.example/v1", None, timeout_s=5)
