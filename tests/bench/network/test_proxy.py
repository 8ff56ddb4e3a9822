"""The proxy between the real client and the tests' speech server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time

import pytest
import trustme

from tests.bench.network.raw_http import TIMEOUT_S, wait_until
from tests.bench.network.speech import AUDIO, KEY, NOTHING, Times, client, read, source
from tests.support.speech_server import FOREVER, Reply, SpeechServer
from voicecli.bench.network.profiles import PROFILES, Network
from voicecli.bench.network.proxy import ShapingProxy
from voicecli.errors import BadResponse, NetworkError, SourceTimeout


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Make this machine trust the authority."""
    authority.cert_pem.write_to_path(str(path := tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


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
