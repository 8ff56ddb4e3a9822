"""The control socket: who may use it, and what it does with lines of any kind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from voicecli.control.client import ANSWER_S, ask, speakers, speakers_folder
from voicecli.control.protocol import MAX_LINE_BYTES, decode, encode
from voicecli.control.runtime import RuntimeFolderError
from voicecli.control.server import MAX_CLIENTS, ControlServer

STRANGER = """
import contextlib, os, socket, sys
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(5)
connection.connect(sys.argv[1])
answer = b""
with contextlib.suppress(ConnectionError):
    connection.sendall(b'{"schema": "voicecli.control/1", "command": "stop"}\\n')
    answer = connection.recv(100)
print("answer:", answer)
"""


@pytest.fixture
def path(folder):
    return str(Path(speakers_folder(folder)) / "1-test")


@pytest.fixture
def lines():
    """What the server was asked."""
    return []


@pytest.fixture
def server(path, lines):
    def handle(line):
        lines.append(line)
        return encode({"ok": True})

    with contextlib.closing(ControlServer(path, handle)) as running:
        yield running


@pytest.mark.parametrize("made", ["socket.socketpair", "selectors.DefaultSelector"])
def test_a_machine_without_descriptors_left_is_reported_and_nothing_stays(path, made):
    with (
        mock.patch(made, side_effect=OSError(24, "Too many open files")),
        pytest.raises(OSError, match="Too many open files"),
    ):
        ControlServer(path, lambda line: line)
    assert not Path(path).exists()
    with contextlib.closing(ControlServer(path, lambda line: line)):
        assert Path(path).exists()


@pytest.fixture
def connect(path, server):
    with contextlib.ExitStack() as stack:

        def make():
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(path)
            connection.settimeout(5)
            return connection

        yield make


def read_line(connection):
    return connection.makefile("rb").readline()


def test_it_answers(server, path, lines):
    assert ask(path, "status", count=2)["ok"]
    assert decode(lines[0])["count"] == 2


def test_only_its_owner_may_see_it(server, path):
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_several_lines_at_once_and_lines_in_pieces(connect, lines):
    connection = connect()
    connection.sendall(b"one\ntwo\nthr")
    reader = connection.makefile("rb")
    assert [decode(reader.readline())["ok"] for _ in range(2)] == [True, True]
    connection.sendall(b"ee\n\n")
    assert decode(reader.readline())["ok"]
    assert lines == [b"one", b"two", b"three"]


def test_a_line_without_an_end_is_refused_and_the_connection_closed(connect, lines):
    connection = connect()
    connection.sendall(b"x" * (MAX_LINE_BYTES + 1))
    answer = decode(read_line(connection))
    assert answer["error"]["code"] == "too_long"
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    assert lines == []


def test_a_silent_connection_holds_up_nobody(connect, path):
    connect()
    connect().sendall(b"half a line")
    assert ask(path, "status")["ok"]


def test_half_lines_that_stay_open_keep_nobody_out(connect, path):
    held = [connect() for _ in range(MAX_CLIENTS)]
    for connection in held:
        connection.sendall(b"line\n")
        read_line(connection)
        connection.sendall(b"half a line")
    assert ask(path, "status")["ok"]
    assert held[0].recv(1) == b""  # the one that was silent for the longest
    held[-1].sendall(b"\n")
    assert read_line(held[-1])


def test_a_thousand_connections_are_answered(server, path):
    assert all(ask(path, "status")["ok"] for _ in range(1000))


def test_a_client_that_reads_no_answer_holds_up_nobody(connect, path):
    deaf = connect()
    with contextlib.suppress(OSError):  # it is closed once its answers fill the queue
        for _ in range(20):
            deaf.sendall(b"line\n" * 10_000)
    assert ask(path, "status")["ok"]


def test_closing_removes_the_socket_and_ends_the_thread(server, path):
    server.close()
    server.close()
    assert not Path(path).exists()
    assert not [t for t in threading.enumerate() if t.name == "voicecli-control"]


def test_the_socket_of_a_dead_process_is_removed(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert ask(path, "status") is None
    assert not Path(path).exists()


def test_a_long_path_is_no_obstacle(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    path = str(folder / "socket")
    with contextlib.closing(ControlServer(path, lambda _: encode({"ok": True}))):
        assert ask(path, "status")["ok"]


def test_a_folder_that_is_missing_is_reported(tmp_path):
    with pytest.raises(RuntimeFolderError, match="cannot listen"):
        ControlServer(str(tmp_path / "missing" / "socket"), lambda _: b"")


def test_garbage_is_survived(connect, path):
    for seed in range(20):
        connection = connect()
        connection.sendall(bytes((seed * 37 + i * 101) % 256 for i in range(500)))
        connection.close()
    assert ask(path, "status")["ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_not_answered(server, path, lines):
    """Even if the folders let them in."""
    for folder in Path(path).parents[:3]:
        folder.chmod(0o777)
    Path(path).chmod(0o777)
    command = [sys.executable, "-c", STRANGER, path]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    assert done.stdout == b"answer: b''\n", done.stderr
    assert lines == []


def test_a_whole_line_that_is_too_long_closes_the_connection_too(connect):
    connection = connect()
    connection.sendall(b"x" * (MAX_LINE_BYTES + 1) + b"\n")
    read_line(connection)
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""


SUSPENDED = """
import sys, time
from voicecli.control.protocol import encode
from voicecli.control.server import ControlServer
import os
server = ControlServer(f"{sys.argv[1]}/{os.getpid()}-test", lambda _: encode({"ok": True}))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_suspended_process_delays_nobody_and_can_be_stopped(folder):
    command = [sys.executable, "-c", SUSPENDED, speakers_folder(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            began_at = time.monotonic()
            (path,) = found = speakers(folder)
            assert time.monotonic() - began_at < ANSWER_S / 2
            assert found[path] == {"pid": process.pid, "state": "suspended"}
            assert ask(path, "stop")["ok"]
        finally:
            process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("does", ["socket.socket(1).connect(p)", "open(p)", "os.listdir(f)",
                                  "os.unlink(p)", "socket.socket(1).bind(f + '/2-x')"])  # fmt: skip
def test_another_user_cannot_connect_read_or_squat(server, path, does):
    code = f"import os, socket, sys; os.setuid(65534); p, f = sys.argv[1:]; {does}"
    for folder in Path(path).parents[2:4]:  # around the runtime folder
        folder.chmod(0o755)
    command = [sys.executable, "-c", code, path, str(Path(path).parent)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20, text=True)
    assert "PermissionError" in done.stderr
    assert Path(path).exists()


def test_it_closes_while_it_is_answering(path):
    """The thread may see that it is to end before it is woken for that."""
    closing, server = threading.Event(), None

    def handle(_line):
        closing.set()
        while not server._closing:
            time.sleep(0.001)
        return encode({"ok": True})

    server = ControlServer(path, handle)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"one\n")
        assert closing.wait(5)
        with mock.patch("os.unlink", side_effect=lambda _: server._thread.join(5)):
            server.close()
    assert not server._thread.is_alive()
