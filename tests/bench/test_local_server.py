from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import pytest

from voicecli.bench import local_server as module
from voicecli.bench.local_server import local_server
from voicecli.errors import NetworkError


def test_the_server_answers_and_ends_with_the_block():
    with local_server() as server:
        with urllib.request.urlopen(f"{server.url}/models", timeout=20) as answer:
            assert json.load(answer)["data"]
        process = server.process
    assert process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.url}/models", timeout=20)


def test_the_server_ends_if_its_parent_is_killed():
    script = (
        "from voicecli.bench.local_server import local_server\n"
        "with local_server() as server: print(server.url, server.process.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as killed:
        url, number = killed.stdout.readline().split()
        address = urlsplit(url).hostname, urlsplit(url).port
        try:
            with socket.create_connection(address, timeout=20) as idle:
                killed.kill()
                with contextlib.suppress(ConnectionResetError):  # if it was not yet accepted
                    assert idle.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=20)
        finally:
            killed.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)


def test_standard_input_stays_open_until_the_server_has_ended(monkeypatch):
    """Closing it would end the server at once instead of letting it finish its answers."""
    replace_server(
        monkeypatch,
        'import time; print(\'{"url": "http://127.0.0.1:1/v1"}\', flush=True); time.sleep(60)',
    )
    with local_server() as server:
        process, stdin = server.process, server.process.stdin
        communicate = process.communicate

        def watched(**settings):
            result = communicate(**settings)
            assert process.returncode == -signal.SIGTERM
            assert not stdin.closed
            return result

        monkeypatch.setattr(process, "communicate", watched)
    assert stdin.closed


def replace_server(monkeypatch, script):
    """Start another program in place of the server."""
    started = module.subprocess.Popen

    def popen(_arguments, **settings):
        return started([sys.executable, "-c", script], **settings)

    monkeypatch.setattr(module.subprocess, "Popen", popen)


def test_a_server_that_does_not_start_says_why(monkeypatch):
    replace_server(monkeypatch, "import sys; sys.exit('first\\nno voice here')")
    with pytest.raises(NetworkError, match="did not start: no voice here"), local_server():
        pass


def test_a_server_that_ignores_sigterm_is_killed(monkeypatch):
    replace_server(
        monkeypatch,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        'print(\'{"url": "http://127.0.0.1:1/v1"}\', flush=True); time.sleep(60)',
    )
    monkeypatch.setattr(module, "_STOP_S", 0.1)
    with local_server() as server:
        assert server.url == "http://127.0.0.1:1/v1"
    assert server.process.returncode == -9


def test_an_interrupt_while_the_server_starts_ends_it(monkeypatch):
    replace_server(monkeypatch, "import time; time.sleep(60)")
    popen, started = module.subprocess.Popen, []

    class Interrupted:
        def readline(self):
            raise KeyboardInterrupt

    def interrupted(*arguments, **settings):
        process = popen(*arguments, **settings)
        process.real, process.stdout = process.stdout, Interrupted()
        process.communicate = lambda timeout=None: (process.real.close(), process.wait(timeout))
        started.append(process)
        return process

    monkeypatch.setattr(module.subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), local_server():
        pass
    assert started[0].returncode is not None
    started[0].stderr.close()


INTERRUPTED = """
import subprocess, sys
from voicecli.bench.local_server import local_server

popen = subprocess.Popen

def interrupted(command, **settings):
    settings["stderr"] = None
    popen([sys.executable, "-c", "input()"], **settings)
    raise KeyboardInterrupt

subprocess.Popen = interrupted
local_server().__enter__()
"""


def test_an_interrupt_before_the_process_is_known_ends_it_with_ours():
    """The standard error that both share ends only once both have ended."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], stderr=subprocess.PIPE, timeout=30, check=False
    )
    assert b"KeyboardInterrupt" in done.stderr


def test_a_process_that_cannot_be_started(monkeypatch):
    def none(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module.subprocess, "Popen", none)
    with pytest.raises(BlockingIOError), local_server():
        pass
