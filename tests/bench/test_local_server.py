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
from voicecli.bench.local_server import LocalServer
from voicecli.errors import NetworkError


def test_it_answers_and_is_gone_afterwards():
    with LocalServer() as server:
        with urllib.request.urlopen(f"{server.url}/models", timeout=20) as answer:
            assert json.load(answer)["data"]
        process = server._process
    assert process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.url}/models", timeout=20)


def test_it_ends_with_one_that_was_killed_and_could_not_end_it():
    script = (
        "from voicecli.bench.local_server import LocalServer\n"
        "with LocalServer() as server: print(server.url, server._process.pid, flush=True); input()"
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
                assert idle.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=20)
        finally:
            killed.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)


def test_its_input_is_held_until_it_has_ended(monkeypatch):
    """The end of input would be its second signal, which cuts short what the first lets finish."""
    stand_in(
        monkeypatch,
        'import time; print(\'{"url": "http://127.0.0.1:1/v1"}\', flush=True); time.sleep(60)',
    )
    with LocalServer() as server:
        process, held = server._process, server._process.stdin
        communicate = process.communicate

        def watched(**settings):
            told = communicate(**settings)
            assert process.returncode == -signal.SIGTERM
            assert not held.closed
            return told

        monkeypatch.setattr(process, "communicate", watched)
    assert held.closed


def stand_in(monkeypatch, script):
    """Let another program be started in place of the server."""
    started = module.subprocess.Popen

    def popen(_arguments, **settings):
        return started([sys.executable, "-c", script], **settings)

    monkeypatch.setattr(module.subprocess, "Popen", popen)


def test_one_that_does_not_start_says_why(monkeypatch):
    stand_in(monkeypatch, "import sys; sys.exit('first\\nno voice here')")
    with pytest.raises(NetworkError, match="did not start: no voice here"), LocalServer():
        pass


def test_one_that_does_not_end_is_ended(monkeypatch):
    stand_in(
        monkeypatch,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        'print(\'{"url": "http://127.0.0.1:1/v1"}\', flush=True); time.sleep(60)',
    )
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    with LocalServer() as server:
        assert server.url == "http://127.0.0.1:1/v1"
    assert server._process.returncode == -9


def test_an_interrupt_while_it_starts_leaves_nothing_behind(monkeypatch):
    stand_in(monkeypatch, "import time; time.sleep(60)")
    popen = module.subprocess.Popen

    class Interrupted:
        def readline(self):
            raise KeyboardInterrupt

    def interrupted(*arguments, **settings):
        process = popen(*arguments, **settings)
        process.real, process.stdout = process.stdout, Interrupted()
        process.communicate = lambda timeout=None: (process.real.close(), process.wait(timeout))
        return process

    monkeypatch.setattr(module.subprocess, "Popen", interrupted)
    server = LocalServer()
    with pytest.raises(KeyboardInterrupt), server:
        pass
    assert server._process.returncode is not None
    server._process.stderr.close()


def test_an_interrupt_in_the_midst_of_starting_it_leaves_nothing_behind(monkeypatch):
    """The process is there, and whoever started it has not been told."""
    popen, begun = module.subprocess.Popen, []

    def slow(*arguments, **settings):
        begun.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **settings))
        signal.raise_signal(signal.SIGUSR1)  # Python's handler runs on the main thread
        return begun[0]

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.subprocess, "Popen", slow)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), LocalServer():
            pass
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert begun[0].returncode is not None


def test_one_that_cannot_be_started_is_nothing_to_end(monkeypatch):
    def none(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module.subprocess, "Popen", none)
    with pytest.raises(BlockingIOError), LocalServer():
        pass
