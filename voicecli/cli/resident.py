"""``voicecli resident``: a process that keeps voicecli loaded."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from voicecli.cli import options
from voicecli.cli.help import Command, Group
from voicecli.cli.launch import this_launch
from voicecli.cli.output import print_json, print_message, print_text
from voicecli.control.resident.client import ask
from voicecli.control.resident.lock import holder, lock_path, take
from voicecli.control.resident.wire import SOCKET_NAME, stamp
from voicecli.control.runtime import RuntimeFolderError, runtime_folder, socket_address
from voicecli.errors import ConfigError, ExitStatus, SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE_MIN = 30.0

_START_S = 10.0
"""Longest wait for a resident to start."""

_STOP_S = 5.0
"""Longest wait for a resident to release its lock."""

EXAMPLES = """Examples:
  voicecli resident start
  voicecli resident status
  voicecli resident install     lets the system start it with the first command
"""

_START_EXAMPLES = """Examples:
  voicecli resident start
  voicecli resident start --idle-min 480     for a working day
"""

_STATUS_EXAMPLES = """Examples:
  voicecli resident status
  voicecli resident status --json | jq .running
"""

resident_app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Keep voicecli loaded, so that `say` and `play` begin at once.",
    epilog=EXAMPLES,
)

IdleMin = Annotated[
    float,
    typer.Option(
        "--idle-min", metavar="MIN", min=0.01, max=1e6, help="Minutes without a command after "
        "which it ends."
    ),
]  # fmt: skip


@resident_app.command(cls=Command, epilog=_START_EXAMPLES)
def start(idle_min: IdleMin = IDLE_MIN) -> None:
    """Start the resident in the background, unless it is running."""
    if ask("status") is None:
        _start(idle_min)
    _print_status(as_json=False)


@resident_app.command(cls=Command, epilog="Examples:\n  voicecli resident stop\n")
def stop() -> None:
    """Stop the resident, once the commands under way have ended."""
    _stop()


@resident_app.command(
    cls=Command,
    epilog="Examples:\n  voicecli resident restart     after an update, or if it does not answer\n",
)
def restart(idle_min: IdleMin = IDLE_MIN) -> None:
    """Replace the resident with a new one."""
    _stop(is_expected=False)
    start(idle_min)


@resident_app.command(cls=Command, epilog=_STATUS_EXAMPLES)
def status(
    json_: options.JsonObject = False,
) -> None:
    """Print whether a resident is running, and since when."""
    _print_status(as_json=json_)


@resident_app.command(cls=Command, epilog="Examples:\n  voicecli resident run --idle-min 60\n")
def run(idle_min: IdleMin = IDLE_MIN) -> None:
    """Run a resident in the foreground, as systemd and launchd do."""
    raise typer.Exit(serve(idle_min))


@resident_app.command(
    cls=Command,
    epilog="Examples:\n  voicecli resident install --show\n  voicecli resident install\n",
)
def install(
    show: Annotated[
        bool, typer.Option("--show", help="Print the files instead of writing them.")
    ] = False,
) -> None:
    """Let systemd or launchd start the resident when needed."""
    from voicecli.control.resident.install import service_files  # noqa: PLC0415  only here

    files, command = service_files(sys.executable, sys.platform, os.environ)
    for path, content in files.items():
        if show:
            print_text(f"# {path}\n{content}\n")
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise SaveError(f"cannot write {path}: {error.strerror}") from error
        print_message(f"wrote {path}")
    print_message(f"then run: {command}")


def _print_status(*, as_json: bool) -> None:
    found = ask("status")
    pid = holder() if found is None else None
    if as_json:
        about = {"unreachable_pid": pid} if pid else found or {}
        print_json({"running": found is not None, **about})
    elif pid:
        print_message(f"the resident, process {pid}, does not answer")
        print_message("it is starting, it hangs or its socket was removed")
        print_message("if that lasts, voicecli resident restart replaces it")
    elif found is None:
        print_message("no resident is running")
    else:
        is_ours = "" if found.get("stamp") == stamp() else ", of another version"
        calls, minutes = found.get("calls", 0), found.get("runs_s", 0) / 60
        print_message(
            f"the resident is running: process {found.get('pid')}{is_ours}, "
            f"{calls} {'command' if calls == 1 else 'commands'} in {minutes:.0f} min"
        )


def _start(idle_min: float) -> None:
    """Start a resident, and wait until one answers; start another if a ``stop`` ended it."""
    process = start_in_background(idle_min)
    ends_at = time.monotonic() + _START_S
    while ask("status") is None:
        is_over = time.monotonic() > ends_at
        pid = holder()
        if is_over and pid is not None:
            raise ConfigError(
                f"the resident, process {pid}, does not answer",
                remedy="voicecli resident restart replaces it",
            )
        if is_over or process.poll() not in (None, ExitStatus.OK, -signal.SIGTERM):
            raise ConfigError(
                "the resident has not started", remedy="voicecli resident run shows why"
            )
        if process.returncode is not None and pid is None:
            process = start_in_background(idle_min)
        time.sleep(0.05)


def _stop(*, is_expected: bool = True) -> None:
    """Stop the resident, and wait until another one can start.

    One that does not answer gets SIGTERM: it is starting, its socket was removed, or it hangs.
    """
    answer = ask("stop")
    pid = answer.get("pid") if answer else holder()
    if answer is None and pid is None and is_expected:
        print_message("no resident is running")
    if answer is None and pid is not None:
        for number in (signal.SIGTERM, signal.SIGCONT):  # it may have been stopped
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
    ends_at = time.monotonic() + _STOP_S
    while pid is not None and holder() == pid:
        if time.monotonic() > ends_at:
            raise ConfigError(f"the resident, process {pid}, does not end", remedy=f"kill -9 {pid}")
        time.sleep(0.02)
    if answer is None and pid is not None:
        print_message(f"ended the resident, process {pid}, which did not answer")


def start_in_background(idle_min: float = IDLE_MIN) -> subprocess.Popen[bytes]:
    """Start a resident that outlives this process, and do not wait for it."""
    command = [sys.executable, "-m", "voicecli", "resident", "run", "--idle-min", f"{idle_min:g}"]
    return subprocess.Popen(  # noqa: S603  ourselves
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def ensure_running() -> None:
    """Start a resident for the commands to come, unless this process is one's worker."""
    if this_launch.show_keys is None and ask("status") is None and holder() is None:
        start_in_background()


def serve(idle_min: float) -> ExitStatus:
    """Run the resident until it has been idle for ``idle_min`` minutes or is stopped."""
    from voicecli.cli.resident_program import CommandLine, load  # noqa: PLC0415  loads everything
    from voicecli.control.resident.server import Resident  # noqa: PLC0415  likewise
    from voicecli.control.resident.worker import Worker  # noqa: PLC0415  likewise

    environ = dict(os.environ)
    try:
        folder = runtime_folder()
    except RuntimeFolderError as error:
        raise ConfigError(f"there can be no resident: {error}") from error
    with _reporting_faults_of(lock_path(folder)):
        lock = take(folder)
    if lock is None:
        pid = holder()
        print_message(f"a resident is already running{f': process {pid}' if pid else ''}")
        return ExitStatus.OK
    gc.disable()
    first_voices = _first_voices()
    voices = load(first_voices)
    path = Path(folder) / SOCKET_NAME
    with _reporting_faults_of(path):
        listener, is_inherited = _listener(path)

    def work(channel: socket.socket, useful: frozenset[str]) -> NoReturn:
        with contextlib.suppress(OSError):  # the resident may have been stopped just now
            os.close(lock)
        Worker(channel, CommandLine(voices), environ).work(useful)

    resident = Resident(
        listener,
        work,
        idle_min * 60,
        on_stop=lambda: _give_up(None if is_inherited else path, lock),
    )
    resident.run(first_voices)
    return ExitStatus.OK


@contextlib.contextmanager
def _reporting_faults_of(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"there can be no resident: cannot use {path}: {error.strerror}",
            remedy=f"remove {path}, or make its folder writable",
        ) from error


def _give_up(path: Path | None, lock: int) -> None:
    """Release the lock, so that another resident can start."""
    if path is not None:
        with contextlib.suppress(OSError):  # whatever has become of it, this one ends
            path.unlink(missing_ok=True)
    os.close(lock)


def _first_voices() -> frozenset[str]:
    """Return the built-in voice if nothing else is configured."""
    from voicecli.config.endpoint import EndpointChoice, resolve_endpoint  # noqa: PLC0415  loaded
    from voicecli.config.file import find_config  # noqa: PLC0415  loaded
    from voicecli.errors import VoiceError  # noqa: PLC0415  loaded

    try:
        endpoint = resolve_endpoint(EndpointChoice(), os.environ, find_config(os.environ))
    except VoiceError:
        return frozenset()
    return frozenset({endpoint.voice}) if endpoint.is_builtin else frozenset()


def _listener(path: Path) -> tuple[socket.socket, bool]:
    """Return a socket that listens: the one of systemd (sd_listen_fds(3)), or our own."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=3), True
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    with socket_address(str(path)) as address:
        listener.bind(address)
    listener.listen(64)
    return listener, False
