"""Shut the server down when the process that started it exits, even if that is killed.

A killed process cannot send a message, but the operating system closes its pipes.
If it alone holds the write end of our standard input, we see end of file, on every
platform and whichever process becomes our parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    import threading

_STDIN = 0
_READ_BYTES = 4096


def terminate_on_eof(descriptor: int = _STDIN) -> threading.Thread:
    """Send this process a SIGTERM at the end of ``descriptor``; its content is ignored.

    Returns at once; the thread that reads ends with the process. The server shuts down as
    `voicecli.server.listen` describes; one that does not serve yet exits with 0.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):  # a closed or unreadable descriptor counts as ended
            # Not through sys.stdin, whose lock a blocked daemon thread would hold at exit.
            while os.read(descriptor, _READ_BYTES):
                pass
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            os._exit(0)
        signal.raise_signal(signal.SIGTERM)

    return spawn_daemon(wait, "voicecli-parent-watch")
