"""``voicecli serve`` in a process of its own: what is measured where nothing is configured."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Self

from voicecli.errors import NetworkError

if TYPE_CHECKING:
    from types import TracebackType

_PATIENCE_S = 10.0


class LocalServer:
    """The built-in voice behind HTTP on a free port of this machine, for a ``with`` block.

    A process of its own, so that it does not share our interpreter lock. ``url`` is
    valid inside the block, and the voice is loaded by then. Where we are killed and
    never leave the block, its standard input, of which we hold the other end, tells it.

    Raises from entering: `NetworkError` where it does not start.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._started: Future[subprocess.Popen[str]] = Future()
        self.url = ""

    def __enter__(self) -> Self:
        # An interrupt cuts short what the main thread does: not the start of a process, which
        # would then run with nobody knowing it.
        starter = threading.Thread(target=self._start, name="voicecli-starter", daemon=True)
        try:
            starter.start()
            process = self._started.result()
            assert process.stdout is not None
            started = process.stdout.readline()
        except BaseException:  # an interrupt: nobody will leave the block
            wait([self._started], _PATIENCE_S)
            if self._process is not None:
                self.__exit__(None, None, None)
            raise
        if not started:
            _, said = process.communicate()
            why = said.strip().splitlines()[-1:]
            raise NetworkError(f"the built-in server did not start: {' '.join(why)}")
        self.url = str(json.loads(started)["url"])
        return self

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "voicecli",
                    "serve",
                    "--port",
                    "0",
                    "--json",
                    "--quiet",
                    "--until-eof",
                ],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C is for us, who end it when all is over
            )
            self._started.set_result(self._process)
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            self._started.set_exception(error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        assert process is not None
        # `communicate` would close it, and end what the signal lets finish: both mean "end".
        held, process.stdin = process.stdin, None
        assert held is not None
        with held:
            process.terminate()
            try:
                process.communicate(timeout=_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
