"""`Spawn`: how code that needs a thread gets one from the owner of all threads.

`voicecli.session.thread_group` starts all threads of a session and joins them. A
stage that needs a thread is given a `Spawn`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Spawn: TypeAlias = "Callable[[Callable[[], None], str], threading.Thread]"
"""Starts a thread: ``spawn(work, name)``. ``work`` must not raise."""


def spawn_daemon(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread, which does not keep the interpreter from exiting."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread
