from __future__ import annotations

import contextlib
import socket
import struct
import threading

import pytest

from tests.sources.clients import AUDIO, fails, read
from voicecli.errors import ConfigError, NetworkError
from voicecli.sources.proxies import parse_proxy, proxy_for

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128/", "http://proxy:3128"),
        ("socks://127.0.0.1:1080/", "socks5://127.0.0.1:1080"),
        ("SOCKS5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
        ("socks5h://user:pw@proxy:1080", "socks5h://user:pw@proxy:1080"),
        ("https://[::1]:3128", "https://[::1]:3128"),
    ],
)
def test_a_proxy_s_url_is_normalised(url, expected):
    assert parse_proxy(url, "ALL_PROXY").url == expected


@pytest.mark.parametrize(
    "url",
    ["socks4://h:1", "ftp://h:1", "http://", "http://h:99999", "http://[::1", "http://a..b:1",
     "http://u:s3cret@h:x", "http://höst", ":", "http://h\n:1", "socks5://" + "a" * 300],
)  # fmt: skip
def test_what_cannot_be_used_is_named_without_its_password(url):
    with pytest.raises(ConfigError, match="ALL_PROXY") as caught:
        parse_proxy(url, "ALL_PROXY")
    assert "s3cret" not in caught.value.message
    assert caught.value.message.isprintable()


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks://one:1080/")
    monkeypatch.setenv("https_proxy", "http://two:3128")
    monkeypatch.setenv("no_proxy", "inside.example,other.example:8080")
    assert proxy_for("https://x.example/v1") == ("http://two:3128", "HTTPS_PROXY")
    assert proxy_for("http://x.example/v1") == ("socks5://one:1080", "ALL_PROXY")
    for direct in ("http://a.inside.example", "http://other.example:8080", "http://localhost:1"):
        assert proxy_for(direct) is None
    assert proxy_for("http://localhost:1", "http://three:1") == ("http://three:1", "--proxy")


@contextlib.contextmanager
def socks_proxy(target_port, answer=b"\5\0\0\1\0\0\0\0\0\0"):
    """A SOCKS 5 proxy (RFC 1928) that leads every connection to one port of this machine."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pump(source, sink):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(100)
                connection.sendall(b"\5\0")
                request = connection.recv(300)
                host, port = request[5:-2], struct.unpack(">H", request[-2:])[0]
                asked.append((host.decode(), port))
                connection.sendall(answer)
                if not answer.startswith(b"\5\0"):
                    return
                with socket.create_connection(("127.0.0.1", target_port)) as target:
                    back = threading.Thread(target=pump, args=(target, connection), daemon=True)
                    back.start()
                    pump(connection, target)
                    back.join(5)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked


@pytest.mark.parametrize("scheme", ["socks", "socks5"])
def test_speech_comes_through_a_socks_proxy(server, monkeypatch, scheme):
    with socks_proxy(server.port) as (address, asked):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{address}/")
        assert read("http://speech.example:81/v1") == AUDIO
    assert asked == [("speech.example", 81)]


@pytest.mark.parametrize("answer", [b"\5\4\0\1\0\0\0\0\0\0", b"HTTP/1.1 400 No\r\n\r\n", b""])
def test_a_socks_proxy_that_refuses_is_named(server, monkeypatch, answer):
    with socks_proxy(server.port, answer) as (address, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://{address}")
        fault = fails("http://speech.example/v1", NetworkError)
    assert "proxy" in fault.message
