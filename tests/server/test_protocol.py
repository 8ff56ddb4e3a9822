from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from voicecli.server.protocol import HEAD_S, Protocol

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"


class Transport(asyncio.Transport):
    """A connection's, with what was written to it."""

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


class Scene:
    """A connection whose time passes when the test says so, to an application that answers so."""

    def __init__(self):
        self.timers, self.gate = [], asyncio.Event()
        self.gate.set()
        loop = SimpleNamespace(
            call_later=self._call_later, create_task=asyncio.get_running_loop().create_task
        )
        config = Config(
            self._app, http=Protocol, interface="asgi3", log_config=None, lifespan="off", ws="none"
        )
        config.load()
        self.protocol = Protocol(config, ServerState(), {}, _loop=loop)
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

    async def give(self, data):
        self.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def patience(self):
        """The timers for a request's header that run; uvicorn's own is for silence alone."""
        return [timer for timer in self.timers if timer.delay_s == HEAD_S]

    def run_out(self):
        (timer,) = self.patience
        timer.callback()


def scene(main):
    async def run():
        await main(Scene())

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [[], [GET[:-2]], [GET[:5], GET[5:-1]]])
def test_a_request_that_does_not_come_to_its_end_is_given_up(pieces):
    async def main(scene):
        (first,) = scene.patience
        for piece in pieces:
            await scene.give(piece)
        assert scene.patience == [first]  # however it dribbles
        scene.run_out()
        assert scene.transport.closed
        assert not scene.transport.sent

    scene(main)


def test_an_answer_and_a_body_have_limits_of_their_own():
    async def main(scene):
        scene.gate.clear()
        await scene.give(POST)
        assert not scene.patience
        await scene.give(b"ab")
        assert not scene.patience
        scene.gate.set()
        await scene.give(b"cd")
        assert scene.transport.sent.startswith(b"HTTP/1.1 204")
        assert len(scene.patience) == 1  # for the next

    scene(main)


def test_each_request_of_a_connection_is_waited_for_anew():
    async def main(scene):
        await scene.give(GET + GET)
        assert scene.transport.sent.count(b"HTTP/1.1 204") == 2
        await scene.give(GET[:3])
        scene.run_out()
        assert scene.transport.closed

    scene(main)


def test_nothing_is_waited_for_behind_the_end():
    async def main(scene):
        await scene.give(b"garbage\r\n\r\n")
        assert scene.transport.sent.startswith(b"HTTP/1.1 400 Bad Request")
        assert b'"code":"invalid_http"' in scene.transport.sent
        assert not scene.patience

    scene(main)

    async def lost(scene):
        scene.protocol.connection_lost(None)
        assert not scene.patience

    scene(lost)


def test_a_broken_body_spoils_no_answer():
    async def main(scene):
        chunked = POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")
        await scene.give(chunked)  # answered before the body came
        sent = scene.transport.sent
        assert sent.startswith(b"HTTP/1.1 204")
        await scene.give(b"zz\r\n")
        assert scene.transport.sent == sent
        assert scene.transport.closed

    scene(main)
