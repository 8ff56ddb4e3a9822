"""The streams and variables that a command line runs with."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO


@dataclass(frozen=True, slots=True)
class Environment:
    """Standard streams (None if closed) and environment variables of a command line."""

    stdin: TextIO | None
    stdout: TextIO | None
    stderr: TextIO | None
    environ: Mapping[str, str]

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Replace those of the process, which typer, rich and the OpenAI SDK use directly.

        Only one environment can be active in a process.
        """
        streams, environ = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ)
        sys.stdin, sys.stdout, sys.stderr = self.stdin, self.stdout, self.stderr
        _set_variables(self.environ)
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            _set_variables(environ)


def _set_variables(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
