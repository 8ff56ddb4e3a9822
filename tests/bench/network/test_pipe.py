"""Lanes and pipes in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.streams.loops import virtual_time
from voicecli.bench.network.link import Lane, Pipe
from voicecli.bench.network.profiles import Network
from voicecli.bench.network.shaper import Shaper


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
