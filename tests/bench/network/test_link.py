"""Pipes in virtual time, and connections over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time

import pytest

from tests.streams.loops import virtual_time
from voicecli.bench.network import link as module
from voicecli.bench.network.link import Lane, Link, Pipe
from voicecli.bench.network.profiles import Network
from voicecli.bench.network.shaper import Shaper

RESET = struct.pack("ii", 1, 0)


def now():
    return asyncio.get_running_loop().time()


def lane(network):
    return Lane(Shaper(network, "down", starts_at_s=now()))


async def drained(pipe):
    """Read to the end."""
    out = b""
    while data := await pipe.get():
        out += data
    return out


def run(main):
    """Run a coroutine function in virtual time."""
    with virtual_time() as (_, run_by_it):
        return run_by_it(main())


class TestLane:
    def test_a_packet_crosses_in_the_latency(self):
        async def main():
            began = now()
            await lane(Network("x", latency_ms=80)).cross()
            return now() - began

        assert run(main) == pytest.approx(0.08)

    def test_a_full_queue_makes_senders_wait(self):
        async def main():
            shared = lane(Network("x", down_kbit_s=1000))
            full = shared.shaper.queue_bytes
            await shared.enter(full)
            began = now()
            await shared.enter(full)
            return now() - began, full / 125_000

        waited_s, full_s = run(main)
        assert waited_s == pytest.approx(full_s)

    def test_a_cancelled_sender_does_not_block_the_others(self):
        async def main():
            shared = lane(Network("x", down_kbit_s=1000))
            await shared.enter(shared.shaper.queue_bytes)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(shared.enter(1000), 0.001)
            await asyncio.wait_for(shared.enter(1000), 1.0)

        run(main)


class TestPipe:
    def test_bytes_come_out_in_order_and_on_time(self):
        async def main():
            pipe, began = Pipe(lane(Network("x", latency_ms=100))), now()
            await pipe.put(b"one")
            await asyncio.sleep(0.05)
            await pipe.put(b"two")
            first = await pipe.get(), now() - began
            second = await pipe.get(), now() - began
            return first, second

        (one, at_one), (two, at_two) = run(main)
        assert (one, two) == (b"one", b"two")
        assert (at_one, at_two) == pytest.approx((0.1, 0.15))

    def test_a_late_reader_gets_everything_at_once(self):
        async def main():
            pipe = Pipe(lane(Network("x", latency_ms=100)))
            for _ in range(3):
                await pipe.put(b"ab")
            await asyncio.sleep(1)
            return await pipe.get()

        assert run(main) == b"ababab"

    def test_an_early_reader_waits(self):
        async def main():
            pipe, began = Pipe(lane(Network("x"))), now()
            waiting = asyncio.create_task(pipe.get())
            await asyncio.sleep(5)
            await pipe.put(b"x")
            return await waiting, now() - began

        assert run(main) == (b"x", pytest.approx(5))

    def test_the_bandwidth_is_reached_in_spite_of_the_window(self):
        """Latency, jitter and a bounded window must not add up to less than the link."""

        async def main():
            pipe, began = Pipe(lane(Network("x", 300, 50, down_kbit_s=8000))), now()
            data = bytes(5_000_000)

            async def fill():
                await pipe.put(data)
                await pipe.end()

            filling = asyncio.create_task(fill())
            out = await drained(pipe)
            await filling
            return len(out), now() - began

        size, took_s = run(main)
        assert size == 5_000_000
        assert took_s == pytest.approx(5.3, abs=0.1)

    def test_a_pipe_holds_no_more_than_its_window(self):
        """Even if the link is free: the reader has to keep up."""

        async def main():
            pipe = Pipe(shared := lane(Network("x", down_kbit_s=8000)))
            putting = asyncio.create_task(pipe.put(bytes(9_000_000)))
            await asyncio.sleep(60)
            assert not putting.done()
            held, window, chunk = pipe._held, shared.shaper.window_bytes, shared.shaper.chunk_bytes
            assert window <= held < window + chunk
            took = len(await pipe.get())
            assert took == held
            await asyncio.sleep(60)
            assert window <= pipe._held < window + chunk  # filled up again
            putting.cancel()

        run(main)

    def test_the_end_comes_last_and_stays(self):
        async def main():
            pipe, began = Pipe(lane(Network("x", latency_ms=100))), now()
            await pipe.put(b"last")
            await pipe.end()
            assert await drained(pipe) == b"last"
            assert await pipe.get() == b""
            return now() - began

        assert run(main) == pytest.approx(0.1)

    def test_an_error_comes_after_the_bytes_and_stays(self):
        async def main():
            pipe, began = Pipe(lane(Network("x", latency_ms=100))), now()
            await pipe.put(b"part")
            await pipe.end(ConnectionResetError("gone"))
            assert await pipe.get() == b"part"
            for _ in range(2):
                with pytest.raises(ConnectionResetError, match="gone"):
                    await pipe.get()
            return now() - began

        assert run(main) == pytest.approx(0.1)

    def test_connections_share_a_lane_fairly(self):
        """Neither waits for all that the other wants to send."""

        async def main():
            shared = lane(Network("x", down_kbit_s=1000))
            done = {}

            async def transfer(name, size):
                pipe = Pipe(shared)
                filling = asyncio.create_task(pipe.put(bytes(size)))
                while size:
                    size -= len(await pipe.get())
                done[name] = now() - began
                await filling

            began = now()
            await asyncio.gather(transfer("big", 250_000), transfer("small", 50_000))
            return done

        done = run(main)
        assert done["big"] == pytest.approx(2.4, abs=0.05)  # all of the 300 KB
        # A full queue of the other connection, then both in turn.
        assert done["small"] == pytest.approx(0.2 + 0.8, abs=0.05)

    def test_stalls_delay_and_lose_nothing(self):
        async def main():
            network = Network("x", 20, 10, 2000, 500, stall_every_ms=200, stall_ms=300)
            pipe, began = Pipe(lane(network)), now()
            data = bytes(range(256)) * 2000

            async def fill():
                await pipe.put(data)
                await pipe.end()

            filling = asyncio.create_task(fill())
            whole = await drained(pipe) == data
            await filling
            return whole, now() - began

        whole, took_s = run(main)
        assert whole
        assert took_s > 1.5 * 512_000 / 250_000  # without any, 2 s


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
                assert connection.is_open
                await connection.send(b"hello ")
                await connection.send(b"there")
                await connection.end()
                assert await read_all(connection) == b"HELLO THERE"
                assert not connection.is_open
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
