"""Hide what C libraries print: PortAudio, ALSA and JACK report each search for a sound server."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_STDERR = 2


@contextlib.contextmanager
def hidden_library_output() -> Iterator[None]:
    """Discard what is written to descriptor 2, but not what is written to `sys.stderr`."""
    stream = sys.stderr
    kept = os.dup(_STDERR)
    if _is_on_descriptor(stream):
        stream.flush()
        sys.stderr = open(kept, "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115
        _follow_faults()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    os.close(null)
    try:
        yield
    finally:
        if sys.stderr is not stream:
            sys.stderr.close()
            sys.stderr = stream
        os.dup2(kept, _STDERR)
        os.close(kept)
        if _is_on_descriptor(stream):
            _follow_faults()


def _is_on_descriptor(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.fileno() == _STDERR
    except (OSError, ValueError):
        return False


def _follow_faults() -> None:
    """Print the traceback of a crash where everything else is printed."""
    if faulthandler.is_enabled():
        faulthandler.enable(sys.stderr)
