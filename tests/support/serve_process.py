"""``voicecli serve`` in a process of its own, for the length of a ``with`` block."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support import fork_server
    from tests.support.cli import Cli

TIMEOUT_S = 30.0


@dataclass
class ServeProcess:
    """A running server. ``url`` ends in ``/v1``; ``lines`` is its standard error so far."""

    process: subprocess.Popen[bytes] | fork_server.Process
    started: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    _new_line: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return str(self.started["url"])

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    def wait_for_line(self, part: str) -> str:
        """Wait for a line that contains ``part``, and return it."""

        def found() -> str | None:
            return next((line for line in self.lines if part in line), None)

        with self._new_line:
            line = self._new_line.wait_for(found, TIMEOUT_S)
        assert line, f"{part!r} is not in {self.lines}"
        return line

    def request(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request, a POST if there is a body; return status, headers and body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, dict(headers or {}))
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def read_lines(self) -> None:
        """Read standard error to its end; runs on a thread."""
        assert self.process.stderr is not None
        with open(self.process.stderr.fileno(), encoding="utf-8", closefd=False) as lines:
            for line in lines:
                with self._new_line:
                    self.lines.append(line.rstrip("\n"))
                    self._new_line.notify_all()


@contextlib.contextmanager
def serving(
    cli: Cli, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[ServeProcess]:
    """Start ``voicecli serve`` on a free port, and yield it once it accepts requests."""
    process = cli.popen(
        "serve", "--port", "0", "--json", *arguments, env=cli.environment(**(env or {}))
    )
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.readline()
    if not first:
        _, errors = process.communicate()
        raise AssertionError(f"voicecli serve did not start: {errors}")
    server = ServeProcess(process, json.loads(first))
    reader = threading.Thread(target=server.read_lines, daemon=True)
    reader.start()
    try:
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(TIMEOUT_S)
        process.stdout.close()
        process.stderr.close()
