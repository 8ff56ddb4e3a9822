"""Connections over a link, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time

import pytest

from voicecli.bench.network import link as module
from voicecli.bench.network.link import Link
from voicecli.bench.network.profiles import Network

RESET = struct.pack("ii", 1, 0)


@contextlib.asynccontextmanager
async def serving(talk):
    """Serve ``talk`` at a local address, for as long as the block lasts."""
    done = []

    async def handle(reader, writer):
        try:
            await talk(reader, writer)
        finally:
            writer.transport.abort()
            done.append(1)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


async def read_all(connection):
    out = b""
    while data := await connection.receive():
        out += data
    return out


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  nobody there to set an event
            await asyncio.sleep(0.002)


class TestConnection:
    def test_bytes_and_ends_go_both_ways(self):
        async def shout(reader, writer):
            writer.write((await reader.read()).upper())  # to the end
            await writer.drain()
            writer.write_eof()
            await reader.read()

        async def main():
            async with serving(shout) as address:
                connection = await Link(Network("x", latency_ms=5)).connect(*address)
                await connection.send(b"hello ")
                await connection.send(b"there")
                await connection.end()
                assert await read_all(connection) == b"HELLO THERE"
                connection.close()
                connection.close()

        asyncio.run(main())

    def test_connecting_takes_a_round_trip(self):
        async def main():
            async with serving(lambda reader, writer: reader.read()) as address:
                began = time.monotonic()
                connection = await Link(Network("x", latency_ms=40)).connect(*address)
                connection.close()
                return time.monotonic() - began

        assert asyncio.run(main()) >= 0.08

    def test_a_refusal_takes_a_round_trip(self):
        async def main():
            with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
                address = taken.getsockname()
            began = time.monotonic()
            with pytest.raises(ConnectionRefusedError):
                await Link(Network("x", latency_ms=40)).connect(*address)
            return time.monotonic() - began

        assert asyncio.run(main()) >= 0.08

    def test_connecting_times_out(self, monkeypatch):
        async def never(*address):
            await asyncio.Event().wait()

        monkeypatch.setattr(module, "CONNECT_S", 0.01)
        monkeypatch.setattr(asyncio, "open_connection", never)

        async def main():
            with pytest.raises(TimeoutError):
                await Link(Network("x")).connect("192.0.2.1", 9)

        asyncio.run(main())

    def test_a_cancelled_connect_closes_the_connection(self):
        accepted, ended = [], []

        async def talk(reader, writer):
            accepted.append(1)
            with contextlib.suppress(OSError):
                ended.append(await reader.read())

        async def main():
            async with serving(talk) as address:
                link = Link(Network("x"))
                link.down.cross = asyncio.Event().wait  # the answer never arrives
                connecting = asyncio.create_task(link.connect(*address))
                await until(lambda: accepted)
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                await until(lambda: ended)

        asyncio.run(main())
        assert ended == [b""]

    def test_a_reset_arrives_as_a_reset(self):
        async def reset(reader, writer):
            await reader.readexactly(2)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

        async def main():
            async with serving(reset) as address:
                connection = await Link(Network("x", latency_ms=5)).connect(*address)
                await connection.send(b"hi")
                with pytest.raises(ConnectionResetError):
                    await read_all(connection)
                # Sending more is not an error: `receive` has raised it.
                for _ in range(3):
                    await connection.send(b"more")
                await connection.end()
                await until(connection._tasks[0].done)
                assert connection._tasks[0].exception() is None
                connection.close()

        asyncio.run(main())

    def test_an_endless_server_is_throttled(self):
        sent = 0

        async def flood(reader, writer):
            nonlocal sent
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536

        async def main():
            async with serving(flood) as address:
                link = Link(Network("x", down_kbit_s=100_000))
                connection = await link.connect(*address)
                window = link.down.shaper.window_bytes
                await until(lambda: connection._down._held >= window)
                for _ in range(100):
                    await asyncio.sleep(0)
                    assert connection._down._held < window + link.down.shaper.chunk_bytes
                connection.close()

        asyncio.run(main())
        assert sent > 0
