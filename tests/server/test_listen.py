from __future__ import annotations

import os
import signal
import socket
import threading
import urllib.error
import urllib.request

import pytest

from tests.server.voices import app_of
from voicecli.errors import ConfigError
from voicecli.server import listen


def test_a_free_port_is_found_and_told():
    with listen.bind("127.0.0.1", 0, has_key=False) as bound:
        port = bound.getsockname()[1]
        assert listen.url_of(bound) == f"http://127.0.0.1:{port}/v1"
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_localhost_is_the_address_that_everybody_tries():
    with listen.bind("localhost", 0, has_key=False) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_ipv6_is_written_as_urls_have_it():
    with listen.bind("::1", 0, has_key=False) as bound:
        assert listen.url_of(bound) == f"http://[::1]:{bound.getsockname()[1]}/v1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_kept_out_by_a_key_or_not_let_in(host):
    with pytest.raises(ConfigError, match="no key keeps them out"):
        listen.bind(host, 0, has_key=False)
    listen.bind(host, 0, has_key=True).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "."])
def test_no_address_is_told(host):
    with pytest.raises(ConfigError, match="no address"):
        listen.bind(host, 0, has_key=True)


def test_a_taken_port_is_told():
    with listen.bind("127.0.0.1", 0, has_key=False) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: Address already in use"):
            listen.bind("127.0.0.1", port, has_key=False)


def test_serves_until_a_signal_and_gives_the_signals_back():
    bound = listen.bind("127.0.0.1", 0, has_key=False)
    url = listen.url_of(bound)
    app, told = app_of()
    order, answers = [], []

    def ask():
        with urllib.request.urlopen(f"{url}/models", timeout=10) as answer:
            answers.append((answer.status, answer.headers["server"]))
        os.kill(os.getpid(), signal.SIGTERM)

    client = threading.Thread(target=ask)

    def ready():
        order.append("ready")
        client.start()

    before = signal.getsignal(signal.SIGTERM)
    finished = listen.serve(
        app, bound, grace_s=5, on_ready=ready, on_stop=lambda: order.append("stop")
    )
    client.join()
    assert finished
    assert order == ["ready", "stop"]
    assert answers == [(200, None)]
    assert len(told.access) == 1
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=1)
