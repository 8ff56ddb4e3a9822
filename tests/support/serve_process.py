"""``voicecli serve`` in a process of its own, for as long as a ``with`` block lasts."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.cli import Cli

PATIENCE_S = 30.0


@dataclass
class Served:
    """A server that is up. ``url`` ends in ``/v1``; ``lines`` is what it said so far."""

    process: subprocess.Popen[str]
    started: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return str(self.started["url"])

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def wait_for_line(self, part: str) -> str:
        """The first line said, now or later, that has ``part`` in it."""

        def found() -> str | None:
            return next((line for line in self.lines if part in line), None)

        with self._said:
            line = self._said.wait_for(found, PATIENCE_S)
        assert line, f"{part!r} was not said in {self.lines}"
        return line

    def ask(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request: POST where there is a body. Status, headers, body; errors are answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, dict(headers or {}))
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()


@contextlib.contextmanager
def serving(cli: Cli, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start ``voicecli serve`` on a free port; return when it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "voicecli", "serve", "--port", "0", "--json", *arguments],
        env=cli.environment(**(env or {})), cwd=cli.home, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.readline()
    if not first:
        _, said = process.communicate()
        raise AssertionError(f"voicecli serve did not start: {said}")
    served = Served(process, json.loads(first))
    listener = threading.Thread(target=served.listen, daemon=True)
    listener.start()
    try:
        yield served
    finally:
        if process.poll() is None:
            process.terminate()  # in order, so that coverage is written
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        listener.join(PATIENCE_S)
        process.stdout.close()
        process.stderr.close()
