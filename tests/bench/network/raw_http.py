"""HTTP over raw sockets, for both sides of the proxy."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

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
