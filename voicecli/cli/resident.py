"""``voicecli resident``: a process that keeps voicecli loaded."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import options
from voicecli.cli.help import Group
from voicecli.cli.launch import this_launch
from voicecli.cli.output import print_json, print_message, print_text
from voicecli.control.resident.client import ask
from voicecli.control.resident.wire import SOCKET_NAME, stamp
from voicecli.control.runtime import RuntimeFolderError, runtime_folder, socket_address
from voicecli.errors import ConfigError, ExitStatus, SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE_MIN = 30.0

_START_S = 10.0
"""Longest wait for a resident to start."""

EXAMPLES = """Examples:
  voicecli resident start
  voicecli resident status
  voicecli resident install     lets the system start it with the first command
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


@resident_app.command()
def start(idle_min: IdleMin = IDLE_MIN) -> None:
    """Start the resident in the background, unless it is running."""
    if ask("status") is None:
        start_in_background(idle_min)
        ends_at = time.monotonic() + _START_S
        while ask("status") is None:
            if time.monotonic() > ends_at:
                raise ConfigError(
                    "the resident has not started",
                    remedy="voicecli resident run shows why",
                )
            time.sleep(0.05)
    _print_status(as_json=False)


@resident_app.command()
def stop() -> None:
    """Stop the resident, once the commands under way have ended."""
    if ask("stop") is None:
        print_message("no resident is running")


@resident_app.command()
def restart(idle_min: IdleMin = IDLE_MIN) -> None:
    """Replace the resident with a new one."""
    ask("stop")
    start(idle_min)


@resident_app.command()
def status(
    json_: options.JsonObject = False,
) -> None:
    """Print whether a resident is running, and since when."""
    _print_status(as_json=json_)


@resident_app.command()
def run(idle_min: IdleMin = IDLE_MIN) -> None:
    """Run a resident in the foreground, as systemd and launchd do."""
    raise typer.Exit(serve(idle_min))


@resident_app.command()
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
    if as_json:
        print_json({"running": found is not None, **(found or {})})
    elif found is None:
        print_message("no resident is running")
    else:
        is_ours = "" if found.get("stamp") == stamp() else ", of another version"
        calls, minutes = found.get("calls", 0), found.get("runs_s", 0) / 60
        print_message(
            f"the resident is running: process {found.get('pid')}{is_ours}, "
            f"{calls} {'command' if calls == 1 else 'commands'} in {minutes:.0f} min"
        )


def start_in_background(idle_min: float = IDLE_MIN) -> None:
    """Start a resident that outlives this process, and do not wait for it."""
    command = [sys.executable, "-m", "voicecli", "resident", "run", "--idle-min", f"{idle_min:g}"]
    subprocess.Popen(  # noqa: S603  ourselves
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def ensure_running() -> None:
    """Start a resident for the commands to come, unless this process is one's worker."""
    if this_launch.show_keys is None and ask("status") is None:
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
    lock_path = os.path.join(folder, "resident.lock")  # noqa: PTH118  as the client has it
    with _reporting_faults_of(lock_path):
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print_message("a resident is already running")
        return ExitStatus.OK
    gc.disable()
    first_voices = _first_voices()
    voices = load(first_voices)
    path = Path(folder) / SOCKET_NAME
    with _reporting_faults_of(path):
        listener, is_inherited = _listener(path)
    resident = Resident(
        listener,
        lambda channel, useful: Worker(channel, CommandLine(voices), environ).work(useful),
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
