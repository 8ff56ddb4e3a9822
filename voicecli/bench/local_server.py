"""``voicecli serve`` as a child process: what is measured if no server is configured."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from voicecli.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_S = 10.0


class LocalServer(NamedTuple):
    """A running server; the voice is loaded."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """Run the built-in voice behind HTTP on a free local port.

    It runs in a process of its own, so that it does not share our interpreter lock. The
    server ends when its standard input does, so it never outlives us, even if we are
    killed, or interrupted before `Popen` returns.

    Raises:
        NetworkError: it does not start.
    """
    process = subprocess.Popen(
        [
            sys.executable, "-m", "voicecli", "serve", "--port", "0", "--json", "--quiet",
            "--until-eof",
        ],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end the server when all is done
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        if not line:
            reason = process.stderr.read().strip().splitlines()[-1:]
            raise NetworkError(f"the built-in server did not start: {' '.join(reason)}")
        yield LocalServer(str(json.loads(line)["url"]), process)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    # `communicate` would close standard input, which ends the server at once; after the
    # signal alone it finishes the answers in progress.
    stdin, process.stdin = process.stdin, None
    assert stdin is not None
    with stdin:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
