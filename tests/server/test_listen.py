from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import urllib.error
import urllib.request

import pytest

from tests.server.fakes import app_of
from voicecli.errors import ConfigError
from voicecli.server import listen


def test_port_0_picks_a_free_port():
    with listen.bind("127.0.0.1", 0, has_key=False) as bound:
        port = bound.getsockname()[1]
        assert listen.url_of(bound) == f"http://127.0.0.1:{port}/v1"
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_localhost_is_the_ipv4_address():
    with listen.bind("localhost", 0, has_key=False) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_an_ipv6_address_is_bracketed_in_the_url():
    with listen.bind("::1", 0, has_key=False) as bound:
        assert listen.url_of(bound) == f"http://[::1]:{bound.getsockname()[1]}/v1"


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "0.0.0.0:0"), ("::", r"\[::\]:0")])
def test_an_address_others_can_reach_requires_a_key(host, shown):
    with pytest.raises(ConfigError, match=f"server at {shown} without a key"):
        listen.bind(host, 0, has_key=False)
    listen.bind(host, 0, has_key=True).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "."])
def test_an_unknown_host_is_reported(host):
    with pytest.raises(ConfigError, match="no address"):
        listen.bind(host, 0, has_key=True)


def test_a_port_in_use_is_reported():
    with listen.bind("127.0.0.1", 0, has_key=False) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: Address already in use"):
            listen.bind("127.0.0.1", port, has_key=False)


def test_serves_until_a_signal_and_restores_the_handlers():
    bound = listen.bind("127.0.0.1", 0, has_key=False)
    url = listen.url_of(bound)
    app, log = app_of()
    order, answers = [], []

    def ask():
        with urllib.request.urlopen(f"{url}/models", timeout=10) as answer:
            answers.append((answer.status, answer.headers["server"]))
        os.kill(os.getpid(), signal.SIGTERM)

    client = threading.Thread(target=ask)

    def ready():
        order.append("ready")
        client.start()

    previous = signal.getsignal(signal.SIGTERM)
    finished = listen.serve(
        app,
        bound,
        grace_s=5,
        on_ready=ready,
        on_stop=lambda: order.append("stop"),
        log=log.lines.append,
    )
    client.join()
    assert finished
    assert order == ["ready", "stop"]
    assert answers == [(200, None)]
    assert len(log.access) == 1
    assert signal.getsignal(signal.SIGTERM) == previous
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=1)


def test_an_error_outside_of_requests_is_one_line():
    bound = listen.bind("127.0.0.1", 0, has_key=False)
    lines = []

    def fail():
        error = OSError(24, "Too many open files")
        context = {"message": "socket.accept() out of system resource", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        os.kill(os.getpid(), signal.SIGTERM)

    app, _ = app_of()
    listen.serve(app, bound, grace_s=5, on_ready=fail, on_stop=lambda: None, log=lines.append)
    assert lines == ["error: [Errno 24] Too many open files"]
