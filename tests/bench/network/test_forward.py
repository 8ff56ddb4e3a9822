"""What the proxy sends to clients and servers, over raw sockets on both sides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time

import pytest

from voicecli.bench.network import forward as module
from voicecli.bench.network.link import Link
from voicecli.bench.network.profiles import Network
from voicecli.bench.network.proxy import ShapingProxy

RESET = struct.pack("ii", 1, 0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIMEOUT_S = 10


class Server:
    """Raw TCP: ``talk(connection, receive)`` for every connection, each on its own thread."""

    def __init__(self, talk):
        self.talk = talk
        self.received = []
        self.ended = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept)]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(TIMEOUT_S)
                thread = threading.Thread(target=self._serve, args=(connection, len(self.received)))
                self.received.append(b"")
                self.threads.append(thread)
                thread.start()

    def _serve(self, connection, number):
        with connection, contextlib.suppress(ConnectionError):

            def receive(until):
                """Read until everything received on this connection contains ``until``."""
                while until not in self.received[number]:
                    data = connection.recv(65536)
                    if not data:
                        self.ended.append(number)
                        raise ConnectionError("the end")
                    self.received[number] += data

            self.talk(connection, receive)

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *exc_info):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


def answering(*answers):
    """A server that gives these answers to consecutive requests of every connection."""

    def talk(connection, receive):
        for number, answer in enumerate(answers, 1):
            receive(b"end-of-request-%d" % number)
            connection.sendall(answer)
        receive(b"no more")  # until the other side ends

    return Server(talk)


def request(address, *headers, number=1, path="/v1/x", version="1.1", body=b""):
    lines = [f"POST http://{address}{path} HTTP/{version}", f"Host: {address}", *headers]
    body += b"end-of-request-%d" % number
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@pytest.fixture(scope="module")
def proxy():
    with ShapingProxy(Network("x")) as running:
        yield running


@pytest.fixture(autouse=True)
def no_defects(caplog):
    yield
    assert not caplog.get_records("call")


@pytest.fixture
def client(proxy):
    port = int(proxy.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        yield connection


def read(connection, until):
    """Bytes up to and including ``until``."""
    out = b""
    while until not in out:
        data = connection.recv(65536)
        assert data, out
        out += data
    return out


def read_to_end(connection):
    out = b""
    while data := connection.recv(65536):
        out += data
    return out


def wait_until(condition):
    give_up_at = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.005)


def head_of(message):
    """The first line, and the headers by lower-case name."""
    first, *lines = message.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}


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
        assert headers == {"host": server.address, "content-length": "16", "via": "1.1 voicecli"}
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

    def test_end_to_end_headers_are_kept(self, client):
        with answering(OK) as server:
            sent = request(server.address, "Authorization: Bearer sk-1234", "X-Odd-CASE: a,  b")
            self.send(client, server, sent)
            client.close()
        assert b"\r\nAuthorization: Bearer sk-1234\r\n" in server.received[0]
        assert b"\r\nX-Odd-CASE: a,  b\r\n" in server.received[0]

    def test_hop_by_hop_headers_are_dropped(self, client):
        with answering(OK) as server:
            own = [
                "Connection: x-mine, Keep-Alive",
                "X-Mine: 1",
                "Keep-Alive: timeout=5",
                "Proxy-Connection: keep-alive",
                "Proxy-Authorization: Basic c2VjcmV0",
                "TE: trailers",
                "Upgrade: h2c",
            ]
            _, headers = self.send(client, server, request(server.address, *own))
            client.close()
        assert set(headers) == {"host", "content-length", "via"}

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
    def send(self, client, answer, **kwargs):
        with answering(answer) as server:
            client.sendall(request(server.address, "Connection: close", **kwargs))
            out = read_to_end(client)
            client.close()
        return out

    def test_the_answer_is_unchanged(self, client):
        answer = (
            b"HTTP/1.1 418 Short and Stout\r\nX-Sample-Rate: 22050\r\nContent-Length: 3\r\n\r\ntea"
        )
        first, headers = head_of(out := self.send(client, answer))
        assert first == "HTTP/1.1 418 Short and Stout"
        assert headers == {
            "x-sample-rate": "22050",
            "content-length": "3",
            "via": "1.1 voicecli",
            "connection": "close",  # as the client asked
        }
        assert out.endswith(b"\r\n\r\ntea")

    def test_hop_by_hop_headers_are_dropped(self, client):
        own = b"Connection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\n"
        _, headers = head_of(self.send(client, OK.replace(b"\r\n\r\n", b"\r\n" + own + b"\r\n")))
        assert set(headers) == {"content-length", "via", "connection"}

    @pytest.mark.parametrize("length", [b"", b"Content-Length: 99\r\n"])
    def test_a_chunked_body(self, client, length):
        head = b"HTTP/1.1 200 OK\r\n" + length + b"Transfer-Encoding: chunked\r\n\r\n"
        out = self.send(client, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
        _, headers = head_of(out)
        assert headers["transfer-encoding"] == "chunked"
        assert "content-length" not in headers
        assert out.endswith(b"\r\n0\r\n\r\n")
        assert b"".join(out.partition(b"\r\n\r\n")[2].split(b"\r\n")[1::2]) == b"abcde"

    def test_a_body_ended_by_closing_the_connection(self, client):
        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall there is")

        with Server(talk) as server:
            client.sendall(request(server.address))
            out = read(client, b"\r\n0\r\n\r\n")  # a clean end, like the server's
            client.close()
        assert head_of(out)[1]["transfer-encoding"] == "chunked"
        assert b"all there is" in out

    def test_an_http_1_0_client_gets_no_chunks(self, client):
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        out = self.send(client, answer, version="1.0")
        assert "transfer-encoding" not in head_of(out)[1]
        assert out.endswith(b"\r\n\r\nabc")

    def test_head_requests(self, client):
        with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") as server:
            client.sendall(request(server.address).replace(b"POST", b"HEAD", 1))
            out = read(client, b"\r\n\r\n")
            client.close()
        assert out.endswith(b"\r\n\r\n")
        assert head_of(out)[1]["content-length"] == "1000"

    def test_the_answer_may_come_before_the_request_is_complete(self, client):
        def talk(connection, receive):
            receive(b"\r\n\r\n")
            connection.sendall(b"HTTP/1.1 413 Too Long\r\nContent-Length: 4\r\n\r\nlong")
            receive(b"never")

        with Server(talk) as server:
            sent = request(server.address, body=bytes(3_000_000))
            client.sendall(sent[:1_000_000])
            assert read(client, b"long").startswith(b"HTTP/1.1 413 Too Long")
            assert client.recv(10) == b""
            with socket.create_connection(client.getpeername()) as other:
                other.sendall(b"nonsense\r\n\r\n")
                read_to_end(other)  # by then the proxy has finished its work
            # Bytes still in flight do not reset the connection, which would lose the answer.
            for at in range(1_000_000, 3_000_000, 50_000):
                client.sendall(sent[at : at + 50_000])
            client.close()


class TestOneConnection:
    def exchange(self, client, address, number):
        client.sendall(request(address, number=number))
        return read(client, b"ok")

    def test_consecutive_requests_share_a_connection_to_the_server(self, client):
        with answering(OK, OK, OK) as server:
            for number in (1, 2, 3):
                assert "connection" not in head_of(self.exchange(client, server.address, number))[1]
            client.close()
        assert len(server.received) == 1

    def test_pipelined_requests_are_answered_in_order(self, client):
        one, two = OK, OK.replace(b"ok", b"2k")
        with answering(one, two) as server:
            client.sendall(request(server.address) + request(server.address, number=2))
            out = read(client, b"2k")
            client.close()
        assert out.index(b"ok") < out.index(b"2k")
        assert out.count(b"HTTP/1.1 200 OK") == 2

    def test_another_server_gets_another_connection(self, client):
        with answering(OK, OK) as server, answering(OK) as other:
            self.exchange(client, server.address, 1)
            self.exchange(client, other.address, 1)
            wait_until(lambda: server.ended == [0])
            self.exchange(client, server.address, 1)
            client.close()
        assert (len(server.received), len(other.received)) == (2, 1)

    @pytest.mark.parametrize("announced", [True, False])
    def test_a_closed_connection_to_the_server_is_replaced(self, client, monkeypatch, announced):
        connect, made = Link.connect, []

        async def remember(link, *address):
            made.append(await connect(link, *address))
            return made[-1]

        monkeypatch.setattr(Link, "connect", remember)
        header = b"\r\nConnection: close\r\n\r\n" if announced else b"\r\n\r\n"

        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(OK.replace(b"\r\n\r\n", header))

        with Server(talk) as server:
            for _ in range(3):
                out = self.exchange(client, server.address, 1)
                assert "connection" not in head_of(out)[1]
                wait_until(lambda: not made[-1].is_open)
            client.close()
        assert len(server.received) == 3

    def test_a_client_that_leaves_leaves_nothing_open(self, client, proxy):
        with answering(OK, OK) as server:
            self.exchange(client, server.address, 1)
            client.close()
            wait_until(lambda: proxy.connections == 0)
            wait_until(lambda: server.ended == [0])


class TestBrokenServer:
    PARTS = (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nfive!",
    )

    @pytest.mark.parametrize("part", PARTS)
    def test_an_early_end_stays_an_early_end(self, client, part):
        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(part)

        with Server(talk) as server:
            client.sendall(request(server.address))
            out = read_to_end(client)
        assert out.count(b"five!") == part.count(b"five!")
        assert not out.endswith(b"0\r\n\r\n")
        if b"Length: 10" in part:
            assert head_of(out)[1]["content-length"] == "10"

    @pytest.mark.parametrize("part", PARTS)
    def test_a_reset_stays_a_reset(self, client, part):
        go = threading.Event()

        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(part)
            go.wait(TIMEOUT_S)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

        with Server(talk) as server:
            client.sendall(request(server.address))
            if b"five!" in part:
                read(client, b"five!")
            go.set()
            with pytest.raises(ConnectionResetError):
                read_to_end(client)

    def test_a_server_that_does_not_speak_http_ends_both_connections(self, client, monkeypatch):
        monkeypatch.setattr(
            module, "LINGER_S", 10 * TIMEOUT_S
        )  # the server's connection does not linger
        with answering(b"220 mail.example ESMTP\r\n\r\n") as server:
            client.sendall(request(server.address))
            assert read_to_end(client) == b""
            wait_until(lambda: server.ended == [0])
            client.close()


class TestClientThatLeaves:
    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!"])
    def test_a_silent_server_is_disconnected_as_well(self, client, answer):
        """Otherwise it would go on generating speech that is not wanted."""
        with answering(answer) as server:
            client.sendall(request(server.address))
            wait_until(lambda: server.received and server.received[0].endswith(b"end-of-request-1"))
            if answer:
                read(client, b"five!")
            client.close()
            wait_until(lambda: server.ended == [0])

    def test_an_incomplete_request_is_not_completed(self, client):
        with answering(OK) as server:
            client.sendall(request(server.address)[:-5])
            wait_until(lambda: server.received and server.received[0].endswith(b"end-of-requ"))
            client.shutdown(socket.SHUT_WR)
            wait_until(lambda: server.ended == [0])

    def test_a_client_that_sends_nothing_is_not_an_error(self, client, proxy):
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""

    def test_a_client_that_resets_is_not_an_error(self, client, proxy):
        client.sendall(b"POST http://127.0.0.1:9/ HT")
        wait_until(lambda: proxy.connections == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        wait_until(lambda: proxy.connections == 0)

    def test_a_client_that_never_ends_times_out(self, client, proxy, monkeypatch):
        monkeypatch.setattr(module, "LINGER_S", 0.02)
        client.sendall(b"nonsense\r\n\r\n")
        read_to_end(client)
        wait_until(lambda: proxy.connections == 0)


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
