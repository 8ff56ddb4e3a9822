"""How the proxy forwards requests and answers, over raw sockets on both sides."""

from __future__ import annotations

import socket

import pytest

from tests.bench.network.raw_http import (
    OK,
    Server,
    answering,
    head_of,
    read,
    read_to_end,
    request,
    wait_until,
)


class TestRequest:
    def send(self, client, server, sent):
        client.sendall(sent)
        read(client, b"ok")
        return head_of(server.received[0])

    def test_requests_reach_the_server_in_origin_form(self, client):
        with answering(OK) as server:
            first, headers = self.send(client, server, request(server.address))
            client.close()
        assert first == "POST /v1/x HTTP/1.1"
        assert headers == {"host": server.address, "content-length": "16"}
        assert server.received[0].endswith(b"\r\n\r\nend-of-request-1")

    @pytest.mark.parametrize(
        ("path", "expected"),
        [("", "/"), ("/", "/"), ("?a=b", "/?a=b"), ("/a/b?c=d//e", "/a/b?c=d//e")],
    )
    def test_the_path_is_kept(self, client, path, expected):
        with answering(OK) as server:
            first, _ = self.send(client, server, request(server.address, path=path))
            client.close()
        assert first == f"POST {expected} HTTP/1.1"

    def test_headers_are_kept(self, client):
        with answering(OK) as server:
            sent = request(server.address, "Authorization: Bearer sk-1234", "X-Odd-CASE: a,  b")
            self.send(client, server, sent)
            client.close()
        assert b"\r\nAuthorization: Bearer sk-1234\r\n" in server.received[0]
        assert b"\r\nX-Odd-CASE: a,  b\r\n" in server.received[0]

    def test_the_host_header_is_the_server_s_own(self, client):
        with answering(OK) as server:
            sent = request(server.address).replace(b"Host: ", b"Host: impostor.example, ")
            _, headers = self.send(client, server, sent)
            client.close()
        assert headers["host"] == server.address

    @pytest.mark.parametrize("length", ["", "Content-Length: 5\r\n"])
    def test_a_chunked_body_stays_chunked(self, client, length):
        with answering(OK) as server:
            head = f"POST http://{server.address}/ HTTP/1.1\r\nHost: x\r\n{length}"
            chunks = "Transfer-Encoding: chunked\r\n\r\n10\r\nend-of-request-1\r\n0\r\nT: 1\r\n\r\n"
            _, headers = self.send(client, server, (head + chunks).encode())
            wait_until(
                lambda: server.received[0].endswith(b"\r\n\r\n10\r\nend-of-request-1\r\n0\r\n\r\n")
            )
            client.close()
        assert headers["transfer-encoding"] == "chunked"
        assert "content-length" not in headers

    def test_a_body_is_forwarded_before_it_is_complete(self, client):
        with answering(OK) as server:
            sent = request(server.address, body=b"first half ")
            client.sendall(sent[:-16])
            wait_until(lambda: server.received and server.received[0].endswith(b"first half "))
            client.sendall(sent[-16:])
            read(client, b"ok")
            client.close()

    def test_100_continue(self, client):
        def talk(connection, receive):
            receive(b"\r\n\r\n")
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            receive(b"end-of-request-1")
            connection.sendall(OK)

        with Server(talk) as server:
            sent = request(server.address, "Expect: 100-continue")
            client.sendall(sent[:-16])
            assert read(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
            client.sendall(sent[-16:])
            read(client, b"ok")
        assert b"Expect: 100-continue" in server.received[0]


class TestAnswer:
    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 418 Short and Stout\r\nX-Odd-CASE: a,  b\r\nContent-Length: 3\r\n\r\ntea",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nall there is",
            b"220 mail.example ESMTP\r\n",
        ],
    )
    def test_the_answer_passes_unread(self, client, answer):
        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(answer)

        with Server(talk) as server:
            client.sendall(request(server.address))
            assert read_to_end(client) == answer
            client.close()

    def test_the_answer_may_come_before_the_request_is_complete(self, client):
        def talk(connection, receive):
            receive(b"\r\n\r\n")
            connection.sendall(b"HTTP/1.1 413 Too Long\r\nContent-Length: 4\r\n\r\nlong")
            connection.shutdown(socket.SHUT_WR)
            receive(b"never")

        with Server(talk) as server:
            sent = request(server.address, body=bytes(3_000_000))
            client.sendall(sent[:100_000])
            assert read_to_end(client).startswith(b"HTTP/1.1 413 Too Long")
            wait_until(lambda: server.ended == [0])
            # Bytes still in flight do not reset the connection, which would lose the answer.
            for at in range(100_000, 3_000_000, 50_000):
                client.sendall(sent[at : at + 50_000])
            client.close()
