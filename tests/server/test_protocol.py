from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from voicecli.server.protocol import HEADER_TIMEOUT_S, Protocol

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"


def config_of(app):
    config = Config(
        app, http=Protocol, interface="asgi3", lifespan="off", ws="none",
        log_config=None, log_level="critical",
    )  # fmt: skip
    config.load()
    return config


class Transport(asyncio.Transport):
    """Records what is written."""

    def __init__(self):
        super().__init__()
        self.sent, self.closed = b"", False

    def write(self, data):
        self.sent += data

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, default=None):
        return default

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Connection:
    """A connection with timers that the test fires, to an application that waits for ``gate``."""

    def __init__(self):
        self.timers, self.gate = [], asyncio.Event()
        self.gate.set()
        loop = SimpleNamespace(
            call_later=self._call_later, create_task=asyncio.get_running_loop().create_task
        )
        self.protocol = Protocol(config_of(self._app), ServerState(), {}, _loop=loop)
        self.transport = Transport()
        self.protocol.connection_made(self.transport)

    def _call_later(self, delay_s, callback):
        timer = SimpleNamespace(delay_s=delay_s, callback=callback)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    async def _app(self, scope, receive, send):
        await self.gate.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def send(self, data):
        self.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def header_timers(self):
        """The running header timeouts; uvicorn's own timer is for idle connections only."""
        return [timer for timer in self.timers if timer.delay_s == HEADER_TIMEOUT_S]

    def time_out(self):
        (timer,) = self.header_timers
        timer.callback()


def with_connection(main):
    async def run():
        await main(Connection())

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [[], [GET[:-2]], [GET[:5], GET[5:-1]]])
def test_an_unfinished_header_times_out(pieces):
    async def main(connection):
        (first,) = connection.header_timers
        for piece in pieces:
            await connection.send(piece)
        assert connection.header_timers == [first]  # more bytes do not extend it
        connection.time_out()
        assert connection.transport.closed
        assert not connection.transport.sent

    with_connection(main)


def test_the_header_timeout_stops_during_body_and_response():
    async def main(connection):
        connection.gate.clear()
        await connection.send(POST)
        assert not connection.header_timers
        await connection.send(b"ab")
        assert not connection.header_timers
        connection.gate.set()
        await connection.send(b"cd")
        assert connection.transport.sent.startswith(b"HTTP/1.1 204")
        assert len(connection.header_timers) == 1  # for the next request

    with_connection(main)


def test_each_request_has_its_own_timeout():
    async def main(connection):
        await connection.send(GET + GET)
        assert connection.transport.sent.count(b"HTTP/1.1 204") == 2
        await connection.send(GET[:3])
        connection.time_out()
        assert connection.transport.closed

    with_connection(main)


def test_a_closed_connection_has_no_timeout():
    async def main(connection):
        await connection.send(b"garbage\r\n\r\n")
        assert connection.transport.sent.startswith(b"HTTP/1.1 400 Bad Request")
        assert b'"code":"invalid_http"' in connection.transport.sent
        assert not connection.header_timers

    with_connection(main)

    async def lost(connection):
        connection.protocol.connection_lost(None)
        assert not connection.header_timers

    with_connection(lost)


def test_a_broken_body_after_the_response_is_ignored():
    async def main(connection):
        chunked = POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")
        await connection.send(chunked)  # answered before its body
        sent = connection.transport.sent
        assert sent.startswith(b"HTTP/1.1 204")
        await connection.send(b"zz\r\n")
        assert connection.transport.sent == sent
        assert connection.transport.closed

    with_connection(main)


async def answer_of(app, version):
    """The bytes of a response over a real connection, and whether it was reset."""
    config, loop = config_of(app), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(config, ServerState(), {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/%s\r\nHost: localhost\r\n\r\n" % version)
        data = b""
        try:
            while part := await reader.read(1000):
                data += part
        except ConnectionResetError:
            return data, True
        finally:
            writer.close()
    return data, False


async def stops_midway(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"audio", "more_body": True})


async def completes(scope, receive, send):
    await stops_midway(scope, receive, send)
    await send({"type": "http.response.body"})


def test_an_incomplete_response_to_http_1_0_is_reset():
    data, was_reset = asyncio.run(answer_of(stops_midway, b"1.0"))
    assert was_reset
    assert data.endswith(b"audio")


def test_a_complete_response_to_http_1_0_is_not_reset():
    data, was_reset = asyncio.run(answer_of(completes, b"1.0"))
    assert not was_reset
    assert data.endswith(b"audio")


def test_an_incomplete_response_to_http_1_1_lacks_its_last_chunk():
    data, was_reset = asyncio.run(answer_of(stops_midway, b"1.1"))
    assert not was_reset
    assert data.endswith(b"audio\r\n")


class TestHalfClosed:
    """A client that has closed its half of the connection after its request."""

    def test_it_gets_its_response_and_then_the_end(self):
        async def main(connection):
            connection.gate.clear()
            await connection.send(GET)
            assert connection.protocol.eof_received()  # asyncio closes the connection if not
            connection.gate.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert connection.transport.sent.startswith(b"HTTP/1.1 204")
            assert connection.transport.closed

        with_connection(main)

    def test_a_request_sent_behind_it_is_answered_too(self):
        async def main(connection):
            connection.gate.clear()
            await connection.send(GET + GET)
            assert connection.protocol.eof_received()
            connection.gate.set()
            for _ in range(20):
                await asyncio.sleep(0)
            assert connection.transport.sent.count(b"HTTP/1.1 204") == 2
            assert connection.transport.closed

        with_connection(main)

    @pytest.mark.parametrize("sent", [[], [GET[:-2]], [POST], [GET]])
    def test_without_a_whole_request_under_way_it_is_closed(self, sent):
        async def main(connection):
            for data in sent:
                await connection.send(data)
            assert not connection.protocol.eof_received()

        with_connection(main)
