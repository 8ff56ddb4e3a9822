"""The proxy between the real client and the tests' speech server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from tests.support.speech_server import FOREVER, Reply, SpeechServer
from voicecli.bench.network.profiles import PROFILES, Network
from voicecli.bench.network.proxy import ShapingProxy
from voicecli.errors import BadResponse, NetworkError, SourceTimeout
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource

KEY = "sk-0123456789abcdef"
AUDIO = random.Random(1).randbytes(100_000)
NOTHING = Network("nothing")
PATIENCE_S = 10


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """The authority is known to this machine."""
    authority.cert_pem.write_to_path(str(path := tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def server():
    with SpeechServer(reply=Reply(body=AUDIO)) as running:
        yield running


@contextlib.contextmanager
def secure_server(authority, name, **kwargs):
    server = SpeechServer(**kwargs)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    server._http.socket = context.wrap_socket(
        server._http.socket, server_side=True, do_handshake_on_connect=False
    )  # the handshake belongs to the connection's thread: reading makes it
    with server:
        yield server


@contextlib.contextmanager
def client(url, proxy, **limits):
    made = SpeechClient(url, KEY, proxy=proxy.url, **limits)
    try:
        yield made
    finally:
        made.close()


def source(made):
    return OpenAISource(made, SpeechRequest("Hello.", "alloy", "tts-1", "pcm"))


def read(url, proxy, **limits):
    with client(url, proxy, **limits) as made, source(made) as speech:
        return b"".join(speech)


def open_files():
    return sum(1 for _ in Path("/dev/fd").iterdir())


def wait_until(condition):
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.005)


class TestSpeech:
    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    @pytest.mark.parametrize("chunk_bytes", [1001, None])
    def test_it_is_the_same_as_without(self, server, framing, chunk_bytes):
        server.reply = Reply(body=AUDIO, framing=framing, chunk_bytes=chunk_bytes)
        with ShapingProxy(NOTHING) as proxy:
            assert read(server.url, proxy) == AUDIO
        (asked,) = server.speech_requests
        assert asked.path == "/v1/audio/speech"
        assert asked.json["input"] == "Hello."
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["accept-encoding"] == "identity"
        assert not [name for name in asked.headers if name.startswith("proxy-")]

    @pytest.mark.parametrize("network", [PROFILES["wifi"], PROFILES["lte"]], ids=str)
    def test_it_is_the_same_over_a_bad_network(self, server, network):
        with ShapingProxy(network) as proxy:
            assert read(server.url, proxy) == AUDIO

    def test_stalls_lose_nothing(self, server):
        network = Network("x", 1, 1, stall_every_ms=2, stall_ms=10)
        with ShapingProxy(network) as proxy:
            assert read(server.url, proxy) == AUDIO

    def test_it_takes_as_long_as_the_network_implies(self, server):
        """Lower bounds, which no busy machine can break."""
        network = Network("x", latency_ms=40, down_kbit_s=8000)
        with ShapingProxy(network) as proxy, client(server.url, proxy) as made:
            began = time.monotonic()
            with source(made) as speech:
                chunks = iter(speech)
                size, first_at = len(next(chunks)), time.monotonic()
                size += sum(map(len, chunks))
                ended_at = time.monotonic()
        (asked,) = server.speech_requests
        assert asked.at >= began + 3 * 0.04  # there and back to connect, and there
        assert first_at >= asked.first_byte_at + 0.04
        assert ended_at >= asked.first_byte_at + 0.04 + size / 1_000_000

    def test_a_connection_that_is_kept_saves_a_round_trip(self, server):
        with ShapingProxy(Network("x", latency_ms=40)) as proxy, client(server.url, proxy) as made:
            for least_s in (4 * 0.04, 2 * 0.04):
                began = time.monotonic()
                with source(made) as speech:
                    assert b"".join(speech) == AUDIO
                assert time.monotonic() - began >= least_s
            assert proxy.connections == 1
        assert len(made._transport._sockets) == 1

    def test_the_request_is_told_of_before_it_arrives(self, server):
        told = []
        with ShapingProxy(Network("x", latency_ms=40)) as proxy, client(server.url, proxy) as made:
            speech = source(made)
            speech.when_connected(lambda: told.append(("connected", time.monotonic())))
            speech.when_sent(lambda: told.append(("sent", time.monotonic())))
            with speech:
                pass
        assert [what for what, _ in told] == ["connected", "sent"]
        # An http client is connected to the proxy: the network comes after the request.
        assert told[1][1] < server.speech_requests[0].at


class TestSecureSpeech:
    def test_it_goes_through_a_tunnel_and_is_verified(self, authority, trusted):
        reply = Reply(body=AUDIO)
        told = []
        with (
            secure_server(authority, "localhost", reply=reply) as server,
            ShapingProxy(Network("x", latency_ms=20)) as proxy,
            client(f"https://localhost:{server.port}/v1", proxy) as made,
        ):
            speech = source(made)
            began = time.monotonic()
            speech.when_connected(lambda: told.append(time.monotonic()))
            speech.when_sent(lambda: told.append("sent"))
            with speech:
                assert b"".join(speech) == AUDIO
            with source(made) as again:
                assert b"".join(again) == AUDIO
            assert proxy.connections == 1
        # To the proxy; then, TLS included, to the server: four times 20 ms and more.
        assert told[2:] == ["sent"]
        assert told[1] - began >= 4 * 0.02
        assert server.speech_requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert "via" not in server.speech_requests[0].headers

    def test_so_it_does_to_other_machines(self, authority, trusted, monkeypatch):
        connect = asyncio.open_connection
        asked = []

        async def open_connection(host, port, **kwargs):
            asked.append((host, port))
            return await connect("127.0.0.1", server.port, **kwargs)

        monkeypatch.setattr(asyncio, "open_connection", open_connection)
        with (
            secure_server(authority, "speech.example", reply=Reply(body=AUDIO)) as server,
            ShapingProxy(NOTHING) as proxy,
        ):
            assert read("https://speech.example/v1", proxy) == AUDIO
        assert asked == [("speech.example", 443)]

    def test_a_server_that_nobody_vouches_for_is_not_spoken_to(self, trusted):
        with (
            secure_server(trustme.CA(), "localhost") as server,
            ShapingProxy(NOTHING) as proxy,
            pytest.raises(NetworkError, match="securely"),
        ):
            read(f"https://localhost:{server.port}/v1", proxy)
        assert server.requests == []

    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_is_told(self, authority, trusted, reset):
        reply = Reply(body=AUDIO, cut_at=0.5, chunk_bytes=None, reset=reset)
        with (
            secure_server(authority, "localhost", reply=reply) as server,
            ShapingProxy(NOTHING) as proxy,
            pytest.raises(NetworkError, match=r"cut after \d+ bytes"),
        ):
            read(f"https://localhost:{server.port}/v1", proxy)


class TestFaults:
    @pytest.mark.parametrize("framing", ["chunked", "length"])
    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_is_told_after_what_came(self, server, framing, reset):
        server.reply = Reply(body=AUDIO, framing=framing, cut_at=0.5, reset=reset, chunk_bytes=None)
        got = []
        with (
            ShapingProxy(Network("x", latency_ms=5)) as proxy,
            client(server.url, proxy) as made,
            pytest.raises(NetworkError, match=r"cut after \d+ bytes"),
            source(made) as speech,
        ):
            got += speech
        if not reset:
            assert b"".join(got) == AUDIO[: len(AUDIO) // 2]

    def test_nobody_there_is_told_with_the_address(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        with ShapingProxy(NOTHING) as proxy, pytest.raises(BadResponse) as caught:
            read(f"http://127.0.0.1:{port}/v1", proxy)
        assert f"127.0.0.1:{port}: Connection refused" in caught.value.message
        assert caught.value.retryable

    def test_nobody_there_is_told_of_https_too(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        with ShapingProxy(NOTHING) as proxy, pytest.raises(NetworkError) as caught:
            read(f"https://localhost:{port}/v1", proxy)
        assert f"502 no connection to localhost:{port}: " in caught.value.message

    def test_a_server_s_own_error_is_its_own(self, server):
        server.reply = Reply(status=503, body=b'{"detail": "warming up"}', framing="length")
        with ShapingProxy(NOTHING) as proxy, pytest.raises(BadResponse, match="warming up"):
            read(server.url, proxy)

    def test_waiting_too_long_is_told(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        with ShapingProxy(NOTHING) as proxy, pytest.raises(SourceTimeout):
            read(server.url, proxy, read_timeout_s=0.1)

    @pytest.mark.parametrize(
        "reply",
        [Reply(ttfb_s=FOREVER), Reply(body=AUDIO, chunk_bytes=10, stall_for_s=FOREVER)],
        ids=["answer", "body"],
    )
    def test_cancelling_wakes_who_waits_and_frees_the_proxy(self, server, reply):
        server.reply = reply
        seen = []

        def work(speech):
            try:
                with speech:
                    seen.extend(speech)
            except NetworkError as fault:
                seen.append(fault)

        with ShapingProxy(NOTHING) as proxy, client(server.url, proxy) as made:
            speech = source(made)
            thread = threading.Thread(target=work, args=(speech,))
            thread.start()
            wait_until(lambda: server.speech_requests)
            speech.cancel()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
            assert isinstance(seen[-1], NetworkError)
            wait_until(lambda: proxy.connections == 0)


class TestManyRequests:
    def test_none_of_them_leaves_anything_behind(self, server):
        short = AUDIO[:5000]
        server.reply = Reply(body=short)
        with ShapingProxy(Network("x", 0.2, 0.2, 50_000, 50_000)) as proxy:
            with client(server.url, proxy) as made:
                with source(made) as speech:
                    assert b"".join(speech) == short
                files, threads = open_files(), threading.active_count()
                for _ in range(100):
                    with source(made) as speech:
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
            # Of the one client: its end, the proxy's two, the server's.
            wait_until(lambda: open_files() <= files - 3)
            wait_until(lambda: threading.active_count() <= threads)
        assert len(server.speech_requests) == 101

    def test_many_at_once_are_kept_apart(self, server):
        server.clips = {}
        with ShapingProxy(Network("x", 5, 5, 20_000, 20_000)) as proxy:
            with ThreadPoolExecutor(8) as pool:
                bodies = list(pool.map(lambda _: read(server.url, proxy), range(16)))
            wait_until(lambda: proxy.connections == 0)
        assert bodies == [AUDIO] * 16

    def test_those_at_once_share_the_bandwidth(self, server):
        server.reply = Reply(body=AUDIO)
        with ShapingProxy(Network("x", down_kbit_s=8000)) as proxy, ThreadPoolExecutor(4) as pool:
            began = time.monotonic()
            list(pool.map(lambda _: read(server.url, proxy), range(4)))
        assert time.monotonic() - began >= 4 * len(AUDIO) / 1_000_000


def port_of(proxy):
    return int(proxy.url.rpartition(":")[2])


class TestLife:
    def test_it_listens_on_this_machine_alone(self):
        with ShapingProxy(NOTHING) as proxy:
            assert proxy.url.startswith("http://127.0.0.1:")
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", port_of(proxy)), timeout=2).close()

    def test_it_is_gone_afterwards_with_all_that_was_open(self, server):
        server.reply = Reply(body=AUDIO, framing="length", chunk_bytes=10, stall_for_s=FOREVER)
        threads = threading.active_count()
        with ShapingProxy(NOTHING) as proxy, client(server.url, proxy) as made:
            with source(made) as speech:
                proxy.__exit__(None, None, None)
                with pytest.raises(NetworkError, match="cut after"):
                    list(speech)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port_of(proxy)), timeout=2).close()
        server.closing.set()
        wait_until(lambda: threading.active_count() <= threads)

    def test_its_thread_is_the_one_it_was_given(self):
        spawned = []

        def spawn(work, name):
            spawned.append(name)
            thread = threading.Thread(target=work, name=name)
            thread.start()
            return thread

        with ShapingProxy(NOTHING, spawn=spawn):
            pass
        assert spawned == ["shaping-proxy"]

    def test_what_keeps_it_from_listening_is_raised(self, monkeypatch):
        async def fail(*args):
            raise OSError("no port is free")

        monkeypatch.setattr(asyncio, "start_server", fail)
        with pytest.raises(OSError, match="no port is free"), ShapingProxy(NOTHING):
            pass

    def test_a_defect_that_ends_it_is_not_hidden(self):
        faults = []

        def spawn(work, name):
            def guarded():
                try:
                    work()
                except ZeroDivisionError as fault:
                    faults.append(fault)

            thread = threading.Thread(target=guarded, name=name)
            thread.start()
            return thread

        async def fail():
            return 1 / 0

        proxy = ShapingProxy(NOTHING, spawn=spawn)
        proxy._stop.wait = fail
        with proxy:
            wait_until(lambda: faults)

    def test_a_defect_in_a_connection_is_told_and_ends_only_that(self, server, monkeypatch, caplog):
        async def fail(self):
            return 1 / 0

        with ShapingProxy(NOTHING) as proxy:
            with monkeypatch.context() as patched:
                patched.setattr("voicecli.bench.network.forward.ClientConnection._serve", fail)
                with pytest.raises(NetworkError):
                    read(server.url, proxy)
            assert read(server.url, proxy) == AUDIO
        (told,) = caplog.records
        assert told.exc_info[0] is ZeroDivisionError

    def test_who_forgets_to_close_it_may_still_leave(self):
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

    def test_the_same_seed_is_the_same_network(self, monkeypatch):
        seeds = []

        def link(network, *, seed):
            seeds.append((network, seed))

        monkeypatch.setattr("voicecli.bench.network.proxy.Link", link)
        with ShapingProxy(NOTHING, seed=7) as proxy:
            assert proxy.network is NOTHING
        assert seeds == [(NOTHING, 7)]
