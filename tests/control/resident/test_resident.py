"""Commands through the resident: as without it, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import voicecli
from tests.support.cli import Cli, environment_without_sound
from tests.support.resident import running_resident
from tests.support.speech_server import FOREVER, Reply, SpeechServer, clips_of
from tests.support.tones import tone
from voicecli.control.resident.server import RESERVE_AFTER_S
from voicecli.control.resident.wire import DESCRIPTORS, SOCKET_NAME, Call, send_call, stamp
from voicecli.control.resident.worker import Worker
from voicecli.control.runtime import runtime_folder


class Resident(Cli):
    """A command line with a resident of its own."""

    def __init__(self, home: Path, base: str):
        super().__init__(home)
        self.base = base

    def environment(self, **extra):
        env = super().environment() | environment_without_sound(Path(self.base))
        return env | {"XDG_RUNTIME_DIR": self.base} | extra

    @property
    def socket_path(self):
        return Path(self.base) / "voicecli" / SOCKET_NAME

    def status(self):
        return self.run("resident", "status", "--json").json

    def processes(self, pid):
        """Return the workers of a resident that are alive."""
        path = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(word) for word in path.read_text().split()]


@pytest.fixture(scope="module")
def base():
    with tempfile.TemporaryDirectory(prefix="vcr") as folder:
        yield folder


@pytest.fixture(scope="module")
def running(base, tmp_path_factory):
    """A resident for all tests of this module; yields its process ID."""
    cli = Resident(tmp_path_factory.mktemp("home"), base)
    command = [sys.executable, "-m", "voicecli", "resident", "run", "--idle-min", "5"]
    with subprocess.Popen(command, env=cli.environment(), start_new_session=True) as process:
        wait_until(cli.socket_path.exists, 60)
        wait_until(lambda: cli.status()["running"], 60)
        yield process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not cli.socket_path.exists()


@pytest.fixture
def cli(running, base, tmp_path):
    return Resident(tmp_path, base)


@pytest.fixture
def server():
    with SpeechServer(clips_of(tone(0.4), formats=["pcm", "mp3"])) as speech:
        speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
        yield speech


def wait_until(condition, timeout_s=10.0):
    ends_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def say(cli, server, *arguments, **how):
    url = ("--base-url", server.url, "--format", "pcm", "--device", "null")
    return cli.run("say", *url, *arguments, **how)


def calls(cli):
    return cli.status()["calls"]


def test_it_does_the_work(cli, server):
    before = calls(cli)
    done = say(cli, server, "--json", "--save", "out.wav", "Hello.")
    assert done.exit_code == 0
    assert done.json["ok"]
    assert done.json["launch_to_request_ms"] > 0
    assert (cli.home / "out.wav").stat().st_size > 1000  # in the caller's folder
    assert "spoke" in done.stderr
    assert calls(cli) == before + 1


def test_a_pipe_is_read_and_undecodable_arguments_arrive(cli, server):
    assert say(cli, server, "-q", stdin=b"Text from a pipe.").exit_code == 0
    assert server.speech_requests[-1].json["input"] == "Text from a pipe."
    assert say(cli, server, "-q", "Gr\udcfc\udcdfe").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--nope"], 2), (["--profile", "none", "hi"], 3), (["--voice"], 2), (["-h"], 0)],
)
def test_exit_statuses_and_output_are_the_same(cli, arguments, status):
    with_it = cli.run("say", *arguments)
    without = cli.run("say", *arguments, env={"VOICECLI_RESIDENT": "off"})
    assert with_it.exit_code == without.exit_code == status
    assert (with_it.stdout, with_it.stderr) == (without.stdout, without.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_work(cli, server, number):
    server.reply = Reply(ttfb_s=FOREVER)
    url = ("--base-url", server.url, "--device", "null")
    with cli.start("say", "--json", *url, "Hello.") as run:
        wait_until(lambda: server.speech_requests)
        run.signal(number)
        done = run.finish(10)
    assert done.exit_code == 130
    assert done.json["interrupted"]


def test_the_work_ends_with_a_command_that_is_killed(cli, server, running):
    server.reply = Reply(ttfb_s=FOREVER)
    with cli.start("say", "--base-url", server.url, "--device", "null", "Hello.") as run:
        wait_until(lambda: server.speech_requests)
        assert len(cli.processes(running)) >= 1
        run.signal(signal.SIGKILL)
        run.finish(10)
    wait_until(lambda: len(cli.processes(running)) <= 1)


def test_a_worker_that_is_killed_is_an_exit_status(cli, server, running):
    server.reply = Reply(ttfb_s=FOREVER)
    idle = set(cli.processes(running))
    with cli.start("say", "--base-url", server.url, "--device", "null", "Hello.") as run:
        wait_until(lambda: server.speech_requests)
        busy = idle & set(cli.processes(running)) or set(cli.processes(running))
        for pid in busy:
            os.kill(pid, signal.SIGKILL)
        assert run.finish(10).exit_code == 128 + signal.SIGKILL


@pytest.mark.parametrize("variables", [{"PULSE_SERVER": "unix:/elsewhere"}, {"LC_ALL": "C"}])
def test_what_it_cannot_serve_is_done_without_it_and_v_says_so(cli, server, running, variables):
    wait_until(lambda: len(cli.processes(running)) == 1)  # a worker is in reserve
    time.sleep(0.5)
    done = say(cli, server, "-v", "Hello.", env=variables)
    assert done.exit_code == 0
    reason = f"it was started with another {next(iter(variables))}"
    assert f"the resident was not used: {reason}" in done.stderr


def test_it_can_be_left_out(cli, server):
    before = calls(cli)
    assert say(cli, server, "-q", "--no-resident", "Hello.").exit_code == 0
    assert say(cli, server, "-q", "Hello.", env={"VOICECLI_RESIDENT": "off"}).exit_code == 0
    assert calls(cli) == before


@pytest.fixture
def five(cli):
    """Paths of descriptor 5, as which the shell's commands open a text."""
    (cli.home / "text.txt").write_text("Text of a descriptor.")
    (cli.home / "link").symlink_to("/dev/fd/5")
    (cli.home / "fd").symlink_to("/dev/fd")


@pytest.mark.parametrize(
    "arguments",
    [
        "-f <(cat text.txt)",
        "--file=/dev/fd/5",
        "-f/proc/self/fd/5",
        "-f link",
        "-flink",
        "--file=link",
        "-f fd/5",
        "-f /dev//fd/5",
    ],
)
def test_a_command_that_names_its_descriptors_runs_by_itself(cli, server, five, arguments):
    before = calls(cli)
    done = in_shell(cli, server, f"{arguments} 5< text.txt")
    assert done.returncode == 0, done
    assert server.speech_requests[-1].json["input"] == "Text of a descriptor."
    assert b"the resident was not used: it does not have a descriptor or terminal" in done.stderr
    assert calls(cli) == before


def test_a_descriptor_below_the_current_folder_or_in_a_variable_is_named_too(cli, server, five):
    done = in_shell(cli, server, f"-f fd/5 5< '{cli.home}/text.txt'", before="cd /dev;")
    assert done.returncode == 0, done
    assert server.speech_requests[-1].json["input"] == "Text of a descriptor."
    config = "echo > none.toml; VOICECLI_CONFIG=/dev/fd/5"
    done = in_shell(cli, server, "Hello. 5< none.toml", before=config)
    assert done.returncode == 0, done
    assert b"the resident was not used" in done.stderr


def test_sound_is_saved_to_a_descriptor(cli, server):
    done = in_shell(cli, server, "Hello. --no-play --save /dev/fd/6 --save-as wav 6> out.wav")
    assert done.returncode == 0, done
    assert (cli.home / "out.wav").stat().st_size > 1000


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_standard_stream_may_be_named(cli, server, path):
    before = calls(cli)
    done = in_shell(cli, server, f"-f {path} <<< 'Text from a pipe.'")
    assert done.returncode == 0, done
    assert server.speech_requests[-1].json["input"] == "Text from a pipe."
    assert calls(cli) == before + 1


def in_shell(cli, server, arguments, *, before=""):
    """Run `say` with arguments as bash reads them; its descriptors are its own."""
    python = f"'{sys.executable}' -m voicecli"
    url = f"--base-url {server.url} --format pcm --device null"
    return subprocess.run(
        ["bash", "-c", f"{before} {python} say -v {url} {arguments}"],
        env=cli.environment(), cwd=cli.home, capture_output=True, timeout=30, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_keys_are_not_kept(cli, server, running):
    assert say(cli, server, "-q", "Hello.", env={"VOICECLI_API_KEY": "sk-secret"}).exit_code == 0
    assert server.speech_requests[-1].headers["authorization"] == "Bearer sk-secret"
    wait_until(lambda: len(cli.processes(running)) == 1)
    for pid in (running, *cli.processes(running)):
        assert b"sk-secret" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"sk-secret" not in memory_of(pid)


def memory_of(pid):
    """Return the writable memory of a process."""
    found = []
    with contextlib.ExitStack() as stack:
        memory = stack.enter_context(Path(f"/proc/{pid}/mem").open("rb", buffering=0))
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, access, *_ = line.split()
            start, end = (int(edge, 16) for edge in span.split("-"))
            if access.startswith("rw"):
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    memory.seek(start)
                    found.append(memory.read(end - start))
    return b"".join(found)


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"vcr2\xff\xff\xff\xff", b"vcr2\x00\x00\x00\x02{}", b"x" * 99],
)
def test_garbage_is_survived(cli, server, data):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(cli.socket_path))
        connection.settimeout(10)
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
    assert say(cli, server, "-q", "Hello.").exit_code == 0


def test_a_command_of_another_version_is_refused(cli, server):
    answer = offer(cli, Call("run", ["0.0.1", *stamp()[1:]]))
    assert answer == b"refused it is of another version\n"
    assert say(cli, server, "-q", "Hello.").exit_code == 0


def test_the_stamp_is_of_the_package():
    assert stamp()[1] == str(Path(voicecli.__file__).parent)


def offer(cli, call):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(cli.socket_path))
        lines = connection.makefile("rb")
        assert lines.readline() == b"hello\n"
        send_call(connection, call, [0, 1, 2, 2][:DESCRIPTORS])
        return lines.readline()


def test_nothing_leaks(cli, server, running):
    def descriptors():
        """Return how many there are once only a worker in reserve is left."""
        time.sleep(2 * RESERVE_AFTER_S)
        wait_until(lambda: len(cli.processes(running)) == 1)
        return len(list(Path(f"/proc/{running}/fd").iterdir()))

    say(cli, server, "-q", "Hello.")
    before = descriptors()
    for number in range(6):
        server.reply = Reply(ttfb_s=FOREVER) if number % 2 else Reply()
        url = ("--base-url", server.url, "--device", "null")
        server.requests.clear()
        with cli.start("say", "-q", *url, "Hello.") as run:
            if number % 2:
                wait_until(lambda: server.speech_requests)
                run.signal([signal.SIGKILL, signal.SIGINT][number % 4 // 2])
            run.finish(20)
    assert descriptors() == before
    assert len(list(Path(f"/proc/{running}/task").iterdir())) == 1


def test_a_hung_resident_is_not_waited_for(server, tmp_path):
    with tempfile.TemporaryDirectory(prefix="vcr") as base:
        cli = Resident(tmp_path, base)
        folder = runtime_folder({"XDG_RUNTIME_DIR": base})
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/{SOCKET_NAME}")
            listener.listen(1)
            done = say(cli, server, "-v", "Hello.")
    assert done.exit_code == 0
    assert "it has not answered for 250 ms" in done.stderr


@pytest.mark.parametrize(("kills_worker", "status"), [(False, 0), (True, 130)])
def test_a_resident_that_is_killed_takes_no_command_with_it(server, tmp_path, kills_worker, status):
    with tempfile.TemporaryDirectory(prefix="vcr") as folder:
        cli = Resident(tmp_path, folder)
        server.reply = Reply(headers={"X-Sample-Rate": "48000"}, ttfb_s=1.5)
        with running_resident(cli.environment()) as resident:
            wait_until(lambda: cli.status()["running"], 60)
            url = ("--base-url", server.url, "--format", "pcm", "--device", "null")
            with cli.start("say", "--json", *url, "Hello.") as run:
                wait_until(lambda: server.speech_requests)
                workers = cli.processes(resident.pid)
                resident.kill()
                resident.wait()
                for pid in workers if kills_worker else []:
                    os.kill(pid, signal.SIGKILL)
                done = run.finish(20)
        assert done.exit_code == status
        if not kills_worker:
            assert done.json["ok"]
        assert say(cli, server, "Again.").exit_code == 0  # on its own, past a stale socket


class Recorded:
    """A program that records whether it prepared, and finds no sound before it may."""

    def __init__(self, may_prepare):
        self.may_prepare = may_prepare
        self.prepared = threading.Event()
        self.looked = threading.Event()

    def prepare_sound(self):
        self.may_prepare.wait(10)
        self.looked.set()

    def prepare(self, useful):
        self.prepared.set()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its process would have ended
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("in_reserve", [True, False])
def test_only_a_worker_in_reserve_warms_up(monkeypatch, in_reserve):
    may_prepare = threading.Event()
    program = Recorded(may_prepare)
    if in_reserve:
        may_prepare.set()
    monkeypatch.setattr(os, "_exit", lambda _: leave(may_prepare))
    ours, theirs = socket.socketpair()
    command, connection = socket.socketpair()
    command.close()  # it has gone by the time it is served
    worker = Worker(theirs, program, dict(os.environ))
    give = threading.Thread(
        target=lambda: (
            in_reserve and program.prepared.wait(10),
            socket.send_fds(ours, [b"{}"], [connection.fileno()]),
        )
    )
    give.start()
    with pytest.raises(SystemExit), ours, theirs, connection:
        worker.work(frozenset())
    give.join()
    assert program.looked.wait(10)
    assert program.prepared.wait(0.2) == in_reserve


def leave(may_prepare):
    may_prepare.set()
    raise SystemExit
