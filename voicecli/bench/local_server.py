"""``voicecli serve`` as a child process: what is measured if no server is configured."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from voicecli.errors import NetworkError

if TYPE_CHECKING:
    from types import TracebackType

_STOP_S = 10.0


class LocalServer:
    """The built-in voice behind HTTP on a free local port, for a ``with`` block.

    It runs in a process of its own, so that it does not share our interpreter lock.
    ``url`` is valid inside the block, and the voice is loaded by then. The server ends
    when its standard input does, so it never outlives us, even if we are killed.

    Raises from entering: `NetworkError` if it does not start.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        # After an interrupt before the assignment, `__exit__` is not called; the server then
        # ends with our process, which holds the pipe to its standard input.
        self._process = process = subprocess.Popen(
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
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
        except BaseException:  # an interrupt: `__exit__` will not be called
            self.__exit__(None, None, None)
            raise
        if not line:
            _, errors = process.communicate()
            reason = errors.strip().splitlines()[-1:]
            raise NetworkError(f"the built-in server did not start: {' '.join(reason)}")
        self.url = str(json.loads(line)["url"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        assert process is not None
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
