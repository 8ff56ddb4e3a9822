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
TIMEOUT_S = 10


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Make this machine trust the authority."""
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
    )  # the first read does, on the connection's own thread
    with server:
        yield server


@contextlib.contextmanager
def client(url, proxy, **limits):
    opened = SpeechClient(url, KEY, proxy=proxy.url, **limits)
    try:
        yield opened
    finally:
        opened.close()


def source(opened):
    return OpenAISource(opened, SpeechRequest("Hello.", "alloy", "tts-1", "pcm"))


class Times:
    """Records when a connection was made and when the request left."""

    def __init__(self):
        self.connected_at = []
        self.sent_at = []

    def connected(self):
        self.connected_at.append(time.monotonic())

    def sent(self):
        self.sent_at.append(time.monotonic())


def read(url, proxy, **limits):
    with client(url, proxy, **limits) as opened, source(opened).open() as speech:
        return b"".join(speech)


def open_files():
    return sum(1 for _ in Path("/dev/fd").iterdir())


def wait_until(condition):
    give_up_at = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.005)


class TestSpeech:
    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    @pytest.mark.parametrize("chunk_bytes", [1001, None])
    def test_the_answer_is_the_same_as_without_a_proxy(self, server, framing, chunk_bytes):
        server.reply = Reply(body=AUDIO, framing=framing, chunk_bytes=chunk_bytes)
        with ShapingProxy(NOTHING) as proxy:
            assert read(server.url, proxy) == AUDIO
        (request,) = server.speech_requests
        assert request.path == "/v1/audio/speech"
        assert request.json["input"] == "Hello."
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["accept-encoding"] == "identity"
        assert not [name for name in request.headers if name.startswith("proxy-")]

    @pytest.mark.parametrize("network", [PROFILES["wifi"], PROFILES["lte"]], ids=lambda n: n.name)
    def test_the_answer_is_the_same_over_a_bad_network(self, server, network):
        with ShapingProxy(network) as proxy:
            assert read(server.url, proxy) == AUDIO

    def test_stalls_lose_nothing(self, server):
        network = Network("x", 1, 1, stall_every_ms=2, stall_ms=10)
        with ShapingProxy(network) as proxy:
            assert read(server.url, proxy) == AUDIO

    def test_the_answer_takes_as_long_as_the_network_implies(self, server):
        """Lower bounds, which no busy machine can break."""
        network = Network("x", latency_ms=40, down_kbit_s=8000)
        with ShapingProxy(network) as proxy, client(server.url, proxy) as opened:
            began = time.monotonic()
            with source(opened).open() as speech:
                chunks = iter(speech)
                size, first_at = len(next(chunks)), time.monotonic()
                size += sum(map(len, chunks))
                ended_at = time.monotonic()
        (request,) = server.speech_requests
        assert request.at >= began + 3 * 0.04  # a round trip to connect, and one way
        assert first_at >= request.first_byte_at + 0.04
        assert ended_at >= request.first_byte_at + 0.04 + size / 1_000_000

    def test_a_kept_connection_saves_a_round_trip(self, server):
        with (
            ShapingProxy(Network("x", latency_ms=40)) as proxy,
            client(server.url, proxy) as opened,
        ):
            for least_s in (4 * 0.04, 2 * 0.04):
                began = time.monotonic()
                with source(opened).open() as speech:
                    assert b"".join(speech) == AUDIO
                assert time.monotonic() - began >= least_s
            assert proxy.connections == 1

    def test_the_request_is_reported_before_it_arrives(self, server):
        times = Times()
        with (
            ShapingProxy(Network("x", latency_ms=40)) as proxy,
            client(server.url, proxy) as opened,
        ):
            source(opened).open(times).__exit__()
        assert len(times.connected_at) == len(times.sent_at) == 1
        # With http only the proxy is connected by then: the network follows the request.
        assert times.connected_at[0] <= times.sent_at[0] < server.speech_requests[0].at


class TestSecureSpeech:
    def test_https_goes_through_a_verified_tunnel(self, authority, trusted):
        reply, times = Reply(body=AUDIO), Times()
        with (
            secure_server(authority, "localhost", reply=reply) as server,
            ShapingProxy(Network("x", latency_ms=20)) as proxy,
            client(f"https://localhost:{server.port}/v1", proxy) as opened,
        ):
            began = time.monotonic()
            for _ in range(2):
                with source(opened).open(times) as speech:
                    assert b"".join(speech) == AUDIO
            assert proxy.connections == 1
        # First the proxy, then the server with TLS: at least four times 20 ms.
        assert len(times.connected_at) == len(times.sent_at) == 2
        assert times.connected_at[1] - began >= 4 * 0.02
        assert server.speech_requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert "via" not in server.speech_requests[0].headers

    def test_https_to_other_machines(self, authority, trusted, monkeypatch):
        connect = asyncio.open_connection
        request = []

        async def open_connection(host, port, **kwargs):
            request.append((host, port))
            return await connect("127.0.0.1", server.port, **kwargs)

        monkeypatch.setattr(asyncio, "open_connection", open_connection)
        with (
            secure_server(authority, "speech.example", reply=Reply(body=AUDIO)) as server,
            ShapingProxy(NOTHING) as proxy,
        ):
            assert read("https://speech.example/v1", proxy) == AUDIO
        assert request == [("speech.example", 443)]

    def test_an_untrusted_server_is_refused(self, trusted):
        with (
            secure_server(trustme.CA(), "localhost") as server,
            ShapingProxy(NOTHING) as proxy,
            pytest.raises(NetworkError, match="securely"),
        ):
            read(f"https://localhost:{server.port}/v1", proxy)
        assert server.requests == []

    @pytest.mark.parametrize("reset", [False, True])
    def test_a_cut_of_a_tunnel_is_reported(self, authority, trusted, reset):
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
    def test_a_cut_is_reported_after_the_audio(self, server, framing, reset):
        server.reply = Reply(body=AUDIO, framing=framing, cut_at=0.5, reset=reset, chunk_bytes=None)
        got = []
        with (
            ShapingProxy(Network("x", latency_ms=5)) as proxy,
            client(server.url, proxy) as opened,
            pytest.raises(NetworkError, match=r"cut after \d+ bytes"),
            source(opened).open() as speech,
        ):
            got += speech
        if not reset:
            assert b"".join(got) == AUDIO[: len(AUDIO) // 2]

    def test_a_refused_connection_is_reported_with_its_address(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        with ShapingProxy(NOTHING) as proxy, pytest.raises(BadResponse) as caught:
            read(f"http://127.0.0.1:{port}/v1", proxy)
        assert f"127.0.0.1:{port}: Connection refused" in caught.value.message
        assert caught.value.retryable

    def test_a_refused_https_connection_is_reported(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        with ShapingProxy(NOTHING) as proxy, pytest.raises(NetworkError) as caught:
            read(f"https://localhost:{port}/v1", proxy)
        assert f"502 no connection to localhost:{port}: " in caught.value.message

    def test_errors_of_the_server_pass_through(self, server):
        server.reply = Reply(status=503, body=b'{"detail": "warming up"}', framing="length")
        with ShapingProxy(NOTHING) as proxy, pytest.raises(BadResponse, match="warming up"):
            read(server.url, proxy)

    def test_timeouts_are_reported(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        with ShapingProxy(NOTHING) as proxy, pytest.raises(SourceTimeout):
            read(server.url, proxy, read_timeout_s=0.1)

    @pytest.mark.parametrize(
        "reply",
        [Reply(ttfb_s=FOREVER), Reply(body=AUDIO, chunk_bytes=10, stall_for_s=FOREVER)],
        ids=["answer", "body"],
    )
    def test_cancelling_ends_the_wait_and_frees_the_proxy(self, server, reply):
        server.reply = reply
        seen = []

        def work(speech):
            try:
                with speech.open() as response:
                    seen.extend(response)
            except NetworkError as error:
                seen.append(error)

        with ShapingProxy(NOTHING) as proxy, client(server.url, proxy) as opened:
            speech = source(opened)
            thread = threading.Thread(target=work, args=(speech,))
            thread.start()
            wait_until(lambda: server.speech_requests)
            speech.cancel()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
            assert isinstance(seen[-1], NetworkError)
            wait_until(lambda: proxy.connections == 0)


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

    def test_an_internal_error_of_the_proxy_is_not_hidden(self, monkeypatch):
        errors = []
        monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_type))

        async def fail():
            return 1 / 0

        proxy = ShapingProxy(NOTHING)
        proxy._stop.wait = fail
        with proxy:
            wait_until(lambda: errors == [ZeroDivisionError])

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
