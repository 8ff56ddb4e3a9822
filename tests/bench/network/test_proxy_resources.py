"""What the proxy opens and closes: connections, files, threads."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench.network.raw_http import wait_until
from tests.bench.network.speech import AUDIO, NOTHING, client, read, source
from tests.support.speech_server import FOREVER, Reply
from voicecli.bench.network.profiles import Network
from voicecli.bench.network.proxy import ShapingProxy
from voicecli.errors import NetworkError


def open_files():
    return sum(1 for _ in Path("/dev/fd").iterdir())


class TestManyRequests:
    def test_requests_leak_no_files_or_threads(self, server):
        short = AUDIO[:5000]
        server.reply = Reply(body=short)
        with ShapingProxy(Network("x", 0.2, 0.2, 50_000, 50_000)) as proxy:
            with client(server.url, proxy) as opened:
                with source(opened).open() as speech:
                    assert b"".join(speech) == short
                files, threads = open_files(), threading.active_count()
                for _ in range(100):
                    with source(opened).open() as speech:
                        assert b"".join(speech) == short
                assert proxy.connections == 1
                assert threading.active_count() == threads
                assert open_files() == files
            for _ in range(100):
                with socket.create_connection(("127.0.0.1", port_of(proxy))) as connection:
                    connection.sendall(
                        f"GET http://127.0.0.1:{server.port}/v1/models HTTP/1.1\r\n"
                        "Host: x\r\nConnection: close\r\n\r\n".encode()
                    )
                    while connection.recv(65536):
                        pass
            wait_until(lambda: proxy.connections == 0)
            # Of the one client: its socket, the proxy's two, the server's.
            wait_until(lambda: open_files() <= files - 3)
            wait_until(lambda: threading.active_count() <= threads)
        assert len(server.speech_requests) == 101

    def test_simultaneous_requests_are_kept_apart(self, server):
        server.clips = {}
        with ShapingProxy(Network("x", 5, 5, 20_000, 20_000)) as proxy:
            with ThreadPoolExecutor(8) as pool:
                bodies = list(pool.map(lambda _: read(server.url, proxy), range(16)))
            wait_until(lambda: proxy.connections == 0)
        assert bodies == [AUDIO] * 16

    def test_simultaneous_requests_share_the_bandwidth(self, server):
        server.reply = Reply(body=AUDIO)
        with ShapingProxy(Network("x", down_kbit_s=8000)) as proxy, ThreadPoolExecutor(4) as pool:
            began = time.monotonic()
            list(pool.map(lambda _: read(server.url, proxy), range(4)))
        assert time.monotonic() - began >= 4 * len(AUDIO) / 1_000_000


def port_of(proxy):
    return int(proxy.url.rpartition(":")[2])


class TestLife:
    def test_the_proxy_listens_on_loopback_only(self):
        with ShapingProxy(NOTHING) as proxy:
            assert proxy.url.startswith("http://127.0.0.1:")
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", port_of(proxy)), timeout=2).close()

    def test_leaving_the_block_closes_everything(self, server):
        server.reply = Reply(body=AUDIO, framing="length", chunk_bytes=10, stall_for_s=FOREVER)
        threads = threading.active_count()
        with ShapingProxy(NOTHING) as proxy, client(server.url, proxy) as opened:
            with source(opened).open() as speech:
                proxy.__exit__(None, None, None)
                with pytest.raises(NetworkError, match="cut after"):
                    list(speech)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port_of(proxy)), timeout=2).close()
        server.closing.set()
        wait_until(lambda: threading.active_count() <= threads)

    def test_failing_to_listen_is_raised(self, monkeypatch):
        async def fail(*args):
            raise OSError("no port is free")

        monkeypatch.setattr(asyncio, "start_server", fail)
        with pytest.raises(OSError, match="no port is free"), ShapingProxy(NOTHING):
            pass

    def test_an_internal_error_ends_only_its_connection(self, server, monkeypatch, caplog):
        async def fail(self):
            return 1 / 0

        with ShapingProxy(NOTHING) as proxy:
            with monkeypatch.context() as patched:
                patched.setattr("voicecli.bench.network.forward.ClientConnection._serve", fail)
                with pytest.raises(NetworkError):
                    read(server.url, proxy)
            assert read(server.url, proxy) == AUDIO
        (record,) = caplog.records
        assert record.exc_info[0] is ZeroDivisionError

    def test_an_open_proxy_does_not_keep_the_process_alive(self):
        code = (
            "from voicecli.bench.network.profiles import Network\n"
            "from voicecli.bench.network.proxy import ShapingProxy\n"
            "proxy = ShapingProxy(Network('x'))\n"
            "print(proxy.__enter__().url)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("http://127.0.0.1:")

    def test_the_seed_reaches_the_link(self, monkeypatch):
        seeds = []

        def link(network, *, seed):
            seeds.append((network, seed))

        monkeypatch.setattr("voicecli.bench.network.proxy.Link", link)
        with ShapingProxy(NOTHING, seed=7):
            pass
        assert seeds == [(NOTHING, 7)]
