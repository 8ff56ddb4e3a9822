"""A server that somebody started for himself ends with him, also where he was killed.

Whoever is killed outright (SIGKILL, a crash) can tell nobody. But the system
closes what he held open, so the other end of a pipe that he alone holds comes to
its end, on every platform and whoever becomes the parent then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

_STDIN = 0
_READ_BYTES = 4096


def end_with_input(descriptor: int = _STDIN) -> threading.Thread:
    """Send this process a SIGTERM once ``descriptor`` comes to its end; what it says is nothing.

    Before the signal is handled it ends the process as it stands; afterwards it is
    one of the two that `voicecli.server.listen` tells of. Returns at once; the
    thread that waits ends with the process.
    """

    def wait() -> None:
        # One that is not there, or cannot be read, has come to its end.
        with contextlib.suppress(OSError):
            while os.read(descriptor, _READ_BYTES):  # not sys.stdin: its lock outlives us
                pass
        signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=wait, name="voicecli-lifeline", daemon=True)
    thread.start()
    return thread
