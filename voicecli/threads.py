"""`Spawn`: how code that needs a thread gets one from the owner of all threads.

`voicecli.session.thread_group` starts all threads of a session and joins them. A
stage that needs a thread is given a `Spawn`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import ThreadError

if TYPE_CHECKING:
    from collections.abc import Callable

Spawn: TypeAlias = "Callable[[Callable[[], None], str], threading.Thread]"
"""Starts a thread: ``spawn(work, name)``. ``work`` must not raise."""


def spawn_daemon(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread, which does not keep the interpreter from exiting.

    Raises:
        ThreadError: the system allows no more threads.
    """
    thread = threading.Thread(target=work, name=name, daemon=True)
    start_thread(thread)
    return thread


def start_thread(thread: threading.Thread) -> None:
    """Start a thread that has not been started before.

    Raises:
        ThreadError: the system allows no more threads.
    """
    try:
        thread.start()
    except RuntimeError as error:
        if (no_thread := thread_limit_error(error)) is None:
            raise
        raise no_thread from error


def thread_limit_error(error: Exception) -> ThreadError | None:
    """Return what to report if ``error`` means that no thread could start, else None."""
    # This text is all that Python says: there is no errno.
    if not isinstance(error, RuntimeError) or "can't start new thread" not in str(error):
        return None
    return ThreadError(
        "no more threads can be started: a limit on memory or on processes is too low",
        remedy="raise it, for example with ulimit -v or -u, or as the container's pids limit",
    )
