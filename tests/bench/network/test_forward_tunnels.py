"""The proxy's own answers and its tunnels, over raw sockets on both sides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest

from tests.bench.network.raw_http import (
    RESET,
    Server,
    head_of,
    read,
    read_to_end,
    request,
    wait_until,
)


class TestErrorAnswers:
    def error_answer(self, client, sent):
        client.sendall(sent)
        out = read_to_end(client)
        first, headers = head_of(out)
        assert headers["content-type"] == "application/json"
        assert headers["connection"] == "close"
        message = json.loads(out.partition(b"\r\n\r\n")[2])["error"]["message"]
        assert first.partition(" ")[2] == f"{first.split()[1]} {message}"
        return int(first.split()[1]), message

    @pytest.mark.parametrize(
        "line",
        [
            "GET / HTTP/1.1",
            "GET https://x.example/ HTTP/1.1",
            "GET ftp://x.example/ HTTP/1.1",
            "GET http:///v1 HTTP/1.1",
            "GET http://me:secret@x.example/ HTTP/1.1",
            "GET http://x.example:99999/ HTTP/1.1",
            "GET http://[::1/ HTTP/1.1",
            "CONNECT x.example HTTP/1.1",
            "CONNECT :443 HTTP/1.1",
            "CONNECT / HTTP/1.1",
        ],
    )
    def test_requests_that_are_not_for_a_proxy(self, client, line):
        status, message = self.error_answer(client, f"{line}\r\nHost: x\r\n\r\n".encode())
        assert status == 400
        assert "this is a proxy" in message
        assert "secret" not in message

    def test_bytes_that_are_not_http(self, client):
        status, message = self.error_answer(
            client, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n"
        )
        assert status == 400
        assert "not an HTTP request" in message

    def test_an_endless_head(self, client):
        status, _ = self.error_answer(client, b"GET http://x/ HTTP/1.1\r\nA: " + b"a" * 120_000)
        assert status == 431

    def test_a_refused_connection(self, client):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        status, message = self.error_answer(client, request(f"127.0.0.1:{port}"))
        assert status == 502
        assert message == f"no connection to 127.0.0.1:{port}: Connection refused"

    def test_a_refused_tunnel(self, client):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        sent = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        assert self.error_answer(client, sent)[0] == 502

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
            (TimeoutError(), "it was not accepted in time"),
            (OSError("Multiple exceptions"), "Multiple exceptions"),
        ],
    )
    def test_the_reason_is_given(self, client, monkeypatch, error, reason):
        async def fail(*address):
            raise error

        monkeypatch.setattr(asyncio, "open_connection", fail)
        status, message = self.error_answer(client, request("speech.example"))
        assert (status, message) == (502, f"no connection to speech.example:80: {reason}")

    def test_errors_for_head_requests_have_no_body(self, client):
        client.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_to_end(client).endswith(b"\r\n\r\n")


class TestTunnel:
    def connect(self, client, server, early=b""):
        client.sendall(f"CONNECT {server.address} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + early)
        out = read(client, b"\r\n\r\n")
        head, _, rest = out.partition(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 Connected"
        return rest

    def test_bytes_pass_untouched_both_ways(self, client):
        def echo(connection, receive):
            while data := connection.recv(65536):
                connection.sendall(data)

        data = bytes(range(256)) * 1000
        with Server(echo) as server:
            out = self.connect(client, server)
            client.sendall(data)
            while len(out) < len(data):
                out += client.recv(65536)
            client.close()
        assert out == data

    def test_bytes_right_behind_the_request_are_passed_on(self, client):
        with Server(
            lambda connection, receive: (receive(b"early bird"), connection.sendall(b"worm"))
        ) as server:
            rest = self.connect(client, server, early=b"early bird")
            assert rest + read_to_end(client) == b"worm"
            client.close()

    def test_one_side_may_end_before_the_other(self, client):
        def talk(connection, receive):
            received = b""
            while data := connection.recv(65536):
                received += data
            connection.sendall(received[::-1])

        with Server(talk) as server:
            rest = self.connect(client, server)
            client.sendall(b"abc")
            client.shutdown(socket.SHUT_WR)
            assert rest + read_to_end(client) == b"cba"

    def test_a_reset_by_the_server_stays_a_reset(self, client):
        def talk(connection, receive):
            receive(b"go")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

        with Server(talk) as server:
            self.connect(client, server)
            client.sendall(b"go")
            with pytest.raises(ConnectionResetError):
                read_to_end(client)

    def test_a_reset_by_the_client_ends_the_server_s_connection(self, client, proxy):
        with Server(lambda connection, receive: receive(b"never")) as server:
            self.connect(client, server)
            client.sendall(b"some")
            wait_until(lambda: server.received == [b"some"])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            wait_until(lambda: proxy.connections == 0)
