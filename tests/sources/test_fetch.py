from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from voicecli.clock import SystemClock
from voicecli.config.endpoint import KEYLESS
from voicecli.errors import BadResponse, NetworkError, SourceTimeout
from voicecli.sources import fetch as module
from voicecli.sources.fetch import fetch


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
        with contextlib.suppress(ConnectionError):  # the client may have heard enough
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


@contextlib.contextmanager
def listening(answer):
    """A socket that answers every connection with ``answer``, then closes; None says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    if answer is not None:
                        connection.recv(65536)
                        connection.sendall(answer)
                        connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


def test_returns_the_answer_with_its_status():
    answers = {
        "/ok": (200, {"X-One": "1"}, b"body"),
        "/no": (404, {"Retry-After": "7"}, b'{"detail": "Not Found"}'),
    }
    with serving(answers) as server:
        found = fetch(server.url + "/ok", "k3y", timeout_s=5)
        assert (found.status, found.body, found.headers["x-one"]) == (200, b"body", "1")
        missing = fetch(server.url + "/no", None, timeout_s=5)
        assert (missing.status, missing.body) == (404, b'{"detail": "Not Found"}')
        assert missing.headers["retry-after"] == "7"
        assert server.seen == [("/ok", "Bearer k3y"), ("/no", None)]


def test_redirect_within_the_origin_keeps_the_key():
    answers = {"/a": (307, {"Location": "/b"}, b""), "/b": (200, {}, b"there")}
    with serving(answers) as server:
        assert fetch(server.url + "/a", "k3y", timeout_s=5).body == b"there"
        assert server.seen[-1] == ("/b", "Bearer k3y")


def test_redirect_to_another_origin_leaves_the_key_behind():
    with serving({"/b": (200, {}, b"there")}) as other:
        answers = {"/a": (302, {"Location": other.url + "/b"}, b"")}
        with serving(answers) as server:
            assert fetch(server.url + "/a", "k3y", timeout_s=5).body == b"there"
        assert server.seen == [("/a", "Bearer k3y")]
        assert other.seen == [("/b", None)]


def test_key_that_was_left_behind_does_not_come_back():
    with serving({}) as server, serving({}) as other:
        server.answers["/a"] = (302, {"Location": other.url + "/b"}, b"")
        other.answers["/b"] = (302, {"Location": server.url + "/c"}, b"")
        server.answers["/c"] = (200, {}, b"")
        fetch(server.url + "/a", "k3y", timeout_s=5)
        assert server.seen == [("/a", "Bearer k3y"), ("/c", None)]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "data:,x"])
def test_redirect_to_another_scheme_is_not_followed(location):
    with serving({"/a": (302, {"Location": location}, b"")}) as server:
        assert fetch(server.url + "/a", None, timeout_s=5).status == 302


def test_redirect_to_ftp_is_refused_before_anything_is_asked():
    with (
        serving({"/a": (302, {"Location": "ftp://127.0.0.1:1/x"}, b"")}) as server,
        pytest.raises(NetworkError, match="unknown url type"),
    ):
        fetch(server.url + "/a", None, timeout_s=5)


def test_endless_redirects_end():
    with serving({"/a": (302, {"Location": "/a"}, b"")}) as server:
        assert fetch(server.url + "/a", None, timeout_s=5).status == 302


def test_huge_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    with (
        serving({"/a": (200, {}, bytes(300_000))}) as server,
        pytest.raises(BadResponse, match="more than"),
    ):
        fetch(server.url + "/a", None, timeout_s=5)


def test_silent_server_is_a_timeout():
    with listening(None) as url, pytest.raises(SourceTimeout, match="in time"):
        fetch(url, None, timeout_s=0.05)


def test_time_that_runs_out_while_bytes_come_is_a_timeout():
    class Hurried(SystemClock):
        moments = iter([0.0, 9.0])

        def now(self):
            return next(self.moments)

    with (
        serving({"/a": (200, {}, b"bytes")}) as server,
        pytest.raises(SourceTimeout, match="finish"),
    ):
        fetch(server.url + "/a", None, timeout_s=5, clock=Hurried())


def test_refused_connection_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NetworkError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/v1?secret=1", None, timeout_s=5)


def test_hung_up_connection_is_told():
    with listening(b"") as url, pytest.raises(NetworkError):
        fetch(url, None, timeout_s=5)


def test_reset_while_the_body_comes_is_told(monkeypatch):
    class Resetting:
        status, headers, length = 200, {}, None

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

        def read1(self, size):
            raise ConnectionResetError("reset by peer")

    class Opener:
        def open(self, request, timeout):
            return Resetting()

    monkeypatch.setattr(module, "_opener", lambda url: Opener())
    with pytest.raises(NetworkError, match="reset"):
        fetch("http://127.0.0.1/", None, timeout_s=5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 404 No\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
    ],
)
def test_answer_that_breaks_off_is_told(answer):
    with listening(answer) as url, pytest.raises(NetworkError, match="broke off"):
        fetch(url, None, timeout_s=5)


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n" + b"A" * 70_000],
)
def test_what_is_no_http_is_told(answer):
    with listening(answer) as url, pytest.raises(BadResponse, match="HTTP"):
        fetch(url, None, timeout_s=5)


def test_loopback_is_asked_without_a_proxy(monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nothing listens
    with serving({"/v1/models": (200, {}, b"{}")}) as server:
        assert fetch(f"{server.url}/v1/models", None, timeout_s=5.0).status == 200


@pytest.mark.parametrize("status", [200, 401])
def test_the_key_does_not_come_back(status):
    said = {"/": (status, {"X-Echo": "Bearer sk-0123456789"}, b"bad key sk-0123456789")}
    with serving(said) as server:
        answer = fetch(f"{server.url}/", "sk-0123456789", timeout_s=20)
    assert answer.body == b"bad key (the key)"
    assert answer.headers["x-echo"] == "Bearer (the key)"


@pytest.mark.parametrize("key", [None, "voice", KEYLESS])
def test_what_is_no_secret_stays(key):
    with serving({"/": (200, {}, b"a voice of voicecli")}) as server:
        assert fetch(f"{server.url}/", key, timeout_s=20).body == b"a voice of voicecli"


def test_headers_that_come_one_by_one_are_a_timeout(monkeypatch):
    monkeypatch.setattr(module, "_GRACE_S", 0.0)
    let_go = threading.Event()

    def drip(connection):
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not let_go.wait(0.01):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        def serve():
            connection, _ = listener.accept()
            with connection:
                drip(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(SourceTimeout, match="did not answer in time"):
                fetch(url, None, timeout_s=0.2)
        finally:
            let_go.set()
            thread.join()
    for left in [thread for thread in threading.enumerate() if thread.name == "voicecli-fetch"]:
        left.join(20)
        assert not left.is_alive()
