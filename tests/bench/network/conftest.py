"""A proxy that does not slow anything, a raw client of it, and a speech server."""

from __future__ import annotations

import socket

import pytest

from tests.bench.network.raw_http import TIMEOUT_S
from tests.bench.network.speech import AUDIO
from tests.support.speech_server import Reply, SpeechServer
from voicecli.bench.network.profiles import Network
from voicecli.bench.network.proxy import ShapingProxy


@pytest.fixture(scope="module")
def proxy():
    with ShapingProxy(Network("x")) as running:
        yield running


@pytest.fixture
def client(proxy, caplog):
    port = int(proxy.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        yield connection
    assert not caplog.get_records("call"), "no internal errors"


@pytest.fixture
def server():
    with SpeechServer(reply=Reply(body=AUDIO)) as running:
        yield running
