"""Random input from outside, for whole command lines: nothing of it may look like a bug of ours.

A case is a command line with its environment, configuration, standard streams and paths, and the
answer of a server, all drawn at random from what is odd. Whatever they are, the exit status is
documented and not 1, nothing prints a traceback, and no key or password is shown or stored.
`scripts/fuzz-outside` runs thousands, a test a few.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from unittest import mock

from tests.support.outside_cases import SECRETS, Case, Generator
from voicecli.cli.app import run
from voicecli.cli.environment import Environment
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_STATUSES = {int(status) for status in ExitStatus} - {ExitStatus.INTERNAL}


class Harness:
    """Runs cases in this process; a context manager that holds the server and the folders."""

    def __init__(self, seed: int) -> None:
        self._stack = contextlib.ExitStack()
        self._seed = seed
        self._answer: list[bytes] = []
        self._received = b""

    def __enter__(self) -> Self:
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.generator = Generator(self._seed, self._home / "odd")
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = self._listener.getsockname()[1]
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        self._stack.callback(thread.join, 5)
        self._stack.callback(self._listener.shutdown, socket.SHUT_RDWR)
        self._lookup = socket.getaddrinfo
        self._stack.enter_context(mock.patch("socket.getaddrinfo", self._look_up))
        self._stack.enter_context(mock.patch("voicecli.cli.doctor.NULL_DEVICE", "null"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _look_up(self, host: str | bytes, port: object, *args: object, **kwargs: object) -> object:
        """Look names up without the network: example domains are this machine."""
        name = host.decode() if isinstance(host, bytes) else str(host)
        name.encode("idna")  # as the operating system's, which raises for empty labels
        if name in ("localhost", "127.0.0.1", "::1") or name.rstrip(".").endswith(".example"):
            there = port if isinstance(port, int) and port == self.port else 1
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", there))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(2)
                with connection, contextlib.suppress(OSError):
                    self._received += connection.recv(65536)
                    for piece in self._answer:
                        connection.sendall(piece)

    def run(self, case: Case) -> str | None:
        """Run a case; return what is wrong with its outcome, if anything."""
        self._answer = [self._filled(piece) for piece in case.answer]
        self._received = b""
        self._before = {path: path.read_bytes() for path in _files(self._home / "odd")}
        home = self._home / "home"
        shutil.rmtree(home, ignore_errors=True)
        config = home / "config" / "voicecli" / "config.toml"
        config.parent.mkdir(parents=True)
        if case.config is not None:
            config.write_bytes(self._filled(case.config))
        given = {name: self._filled(value.encode("utf-8", "surrogatepass")).decode(
            "utf-8", "surrogatepass") for name, value in case.environ.items()}  # fmt: skip
        environ = {
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "PATH": "/usr/bin:/bin",
            "XDG_DATA_HOME": str(home / "data"), "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(self._home), **given,
        }  # fmt: skip
        if environ["PATH"] == "":
            del environ["PATH"]
        argv = [argument.replace("PORT", str(self.port)) for argument in case.argv]
        output, status = self._run(argv, case, environ)
        return self._problem(case, output, status, home)

    def _has_received(self, secret: str) -> bool:
        """Whether the server got a secret; else its echo says nothing about us."""
        sent = [word.partition(b"\r")[0] for word in self._received.split(b"Basic ")[1:]]
        return secret.encode() in self._received + b"".join(map(_decoded, sent))

    def _filled(self, data: bytes) -> bytes:
        return data.replace(b"PORT", str(self.port).encode())

    def _run(self, argv: list[str], case: Case, environ: dict[str, str]) -> tuple[str, object]:
        stdout: TextIO | None = io.StringIO()
        stderr: TextIO | None = io.StringIO()
        with contextlib.ExitStack() as stack:
            stdin = None
            if case.stdin is not None:
                stdin = stack.enter_context(tempfile.TemporaryFile("w+"))
                stdin.buffer.write(case.stdin)
                stdin.seek(0)
            if case.streams == "full stdout":
                # Not closed: what it buffers could not be flushed then either.
                stdout = open("/dev/full", "w")  # noqa: PTH123, SIM115
            elif case.streams == "closed stdout":
                stdout = None
            elif case.streams == "no stderr":
                stderr = None
            folder = os.getcwd()  # noqa: PTH109
            stack.callback(os.chdir, folder)
            os.chdir(self._home)
            try:
                status: object = run(argv, Environment(stdin, stdout, stderr, environ))
            except BaseException as error:  # noqa: BLE001  the finding itself
                status = repr(error)
            shown = "".join(s.getvalue() for s in (stdout, stderr) if isinstance(s, io.StringIO))
            if case.streams == "full stdout" and stdout is not None:
                with contextlib.suppress(OSError):
                    stdout.close()
        return shown, status

    def _problem(self, case: Case, output: str, status: object, home: Path) -> str | None:
        if status not in _STATUSES:
            return f"exit {status}: {output[-500:]}"
        if "Traceback (most" in output or "error: internal" in output:
            return f"traceback: {output[-800:]}"
        secrets = [s for s in SECRETS if s != case.echoed or self._has_received(s)]
        if found := shown_secret(output, secrets):
            return f"{found} is shown: {output[-800:]}"
        for folder in (home, self._home / "odd"):
            for path in _files(folder):
                if path.name == "config.toml" or path.stat().st_size > 10_000_000:
                    continue
                # What an earlier case wrote does not count, and this one may have added to it.
                stored = path.read_bytes().removeprefix(self._before.get(path, b""))
                if found := shown_secret(stored.decode("utf-8", "replace"), secrets):
                    path.unlink()
                    return f"{found} is stored in {path.name}: {stored[:300]!r}"
        return None


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                yield path


def shown_secret(text: str, secrets: list[str]) -> str | None:
    """Return the one of the secrets that a text shows, however it is spelled."""
    plain = re.sub(r"\\u00([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})", _character, text)
    plain = re.sub(r"\x1b\[[0-9;]*m|[\x00-\x08]", "", plain)
    for secret in secrets:
        encoded = base64.b64encode(secret.encode()).decode()
        shifted = base64.b64encode(f"Bearer {secret}".encode()).decode()
        if any(form in plain for form in (secret, secret[:-2], encoded[:-4], shifted[12:-4])):
            return secret
    return None


def _decoded(data: bytes) -> bytes:
    with contextlib.suppress(ValueError):
        return base64.b64decode(data)
    return b""


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))
