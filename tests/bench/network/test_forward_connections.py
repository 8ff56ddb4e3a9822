"""How the proxy keeps, cuts and resets connections, over raw sockets on both sides."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.bench.network.raw_http import (
    OK,
    RESET,
    TIMEOUT_S,
    Server,
    answering,
    read,
    read_to_end,
    request,
    wait_until,
)
from voicecli.bench.network import forward as module


class TestOneConnection:
    def exchange(self, client, address, number):
        client.sendall(request(address, number=number))
        return read(client, b"ok")

    def test_consecutive_requests_share_a_connection_to_the_server(self, client):
        with answering(OK, OK, OK) as server:
            for number in (1, 2, 3):
                self.exchange(client, server.address, number)
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

    def test_a_server_that_ends_its_connection_ends_the_client_s(self, client):
        def talk(connection, receive):
            receive(b"end-of-request-1")
            connection.sendall(OK)

        with Server(talk) as server:
            self.exchange(client, server.address, 1)
            assert read_to_end(client) == b""
            client.close()

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
        assert out == part

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
