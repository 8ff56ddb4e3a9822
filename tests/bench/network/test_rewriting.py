from __future__ import annotations

import h11
import pytest

from voicecli.bench.network.rewriting import (
    ProxyError,
    Target,
    forwarded_request,
    parse_target,
)

TARGET = Target("x.example", 80, b"x.example", b"/v1")


def request(target="http://x.example/v1", *, method="POST", **headers):
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return h11.Request(method=method, target=target, headers=[("Host", "other"), *given])


class TestTarget:
    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("http://x.example/v1", TARGET),
            ("HTTP://x.example/v1", TARGET),
            ("http://X.Example:81", ("x.example", 81, b"X.Example:81", b"/")),
            ("http://x.example?a=b", ("x.example", 80, b"x.example", b"/?a=b")),
            ("http://x.example//a//b", ("x.example", 80, b"x.example", b"//a//b")),
            ("http://x.example/a%20b?c=%2F", ("x.example", 80, b"x.example", b"/a%20b?c=%2F")),
            ("http://[::1]:81/v1", ("::1", 81, b"[::1]:81", b"/v1")),
        ],
    )
    def test_whole_urls(self, url, target):
        assert parse_target(request(url)) == target

    @pytest.mark.parametrize(
        ("authority", "target"),
        [("x.example:443", ("x.example", 443)), ("[::1]:8443", ("::1", 8443))],
    )
    def test_tunnels(self, authority, target):
        assert parse_target(request(authority, method="CONNECT")) == (*target, b"", b"")

    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("GET", "/v1"),
            ("OPTIONS", "*"),
            ("GET", "x.example:80"),
            ("GET", "https://x.example/"),
            ("GET", "http://me@x.example/"),
            ("GET", "http:///v1"),
            ("GET", "http:/v1"),
            ("GET", "http://x.example:0x50/"),
            ("GET", "http://[x/"),
            ("CONNECT", "x.example"),
            ("CONNECT", "x.example:"),
            ("CONNECT", "x.example:0"),
            ("CONNECT", "http://x.example/"),
            ("CONNECT", "[x:1"),
        ],
    )
    def test_everything_else_is_rejected(self, method, target):
        with pytest.raises(ProxyError) as caught:
            parse_target(request(target, method=method))
        assert caught.value.status == 400


class TestHeaders:
    def test_headers_for_the_server_are_kept(self):
        forwarded = forwarded_request(
            request(
                Authorization="Bearer sk-1",
                Connection="close",
                Upgrade="h2c",
                Proxy_Authorization="Basic x",
                Proxy_Connection="keep-alive",
                Content_Length="3",
            ),
            TARGET,
        )
        assert (forwarded.method, forwarded.target) == (b"POST", b"/v1")
        assert forwarded.headers.raw_items() == [
            (b"Host", b"x.example"),
            (b"Authorization", b"Bearer sk-1"),
            (b"Connection", b"close"),
            (b"Content-Length", b"3"),
        ]

    def test_a_chunked_request_stays_chunked_without_a_length(self):
        forwarded = forwarded_request(
            request(Content_Length="3", Transfer_Encoding="chunked"), TARGET
        )
        assert forwarded.headers.raw_items()[1:] == [(b"Transfer-Encoding", b"chunked")]
