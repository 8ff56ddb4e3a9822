"""``python -m voicecli`` and the ``voicecli`` command."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

_INTERRUPTED = 130
"""As `voicecli.errors.ExitStatus` has it, which may not be imported yet."""


def main() -> None:
    """Run the command line and exit with its status."""
    # Importing makes hundreds of thousands of objects and no garbage. Looking for
    # some among them costs 30 ms; it is allowed again once something sounds.
    gc.disable()
    # pydantic, which typer and openai bring, would look through every package installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from voicecli.cli.app import run  # noqa: PLC0415  after the collector is off
    except KeyboardInterrupt:  # half of what passes before anything is asked for is importing
        sys.exit(_INTERRUPTED)
    _leave(run(sys.argv[1:]))


def _leave(status: int) -> NoReturn:
    """Exit, at once where a thread of ours was left behind in a library.

    PortAudio's own end would wait for a sound server that hangs, deaf to Ctrl-C.
    """
    import threading  # noqa: PLC0415  by now it is there

    left = (t for t in threading.enumerate() if t.daemon)  # a pool's are joined, and do end
    if any(thread.name.startswith("voicecli-") for thread in left):
        os._exit(status)  # what was printed has been flushed
    sys.exit(status)


if __name__ == "__main__":
    main()
