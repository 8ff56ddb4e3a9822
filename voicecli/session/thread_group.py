"""Start and join the threads of a session, and collect their exceptions."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from voicecli.clock import Deadline, SystemClock
from voicecli.threads import spawn_daemon

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class ThreadGroup:
    """Starts threads and joins them all.

    ``on_exception`` gets what a thread's work raises, on that thread. `spawn` may be
    called from any thread, including those of the group.
    """

    def __init__(self, on_exception: Callable[[BaseException], None]) -> None:
        self._on_exception = on_exception
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []  # under the lock

    def spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread that `join` will join.

        Raises:
            ThreadError: the system allows no more threads.
        """

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  reported by the callback
                self._on_exception(error)

        thread = spawn_daemon(guarded, name)
        with self._lock:  # a group may live long: those that have ended are forgotten
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return thread

    def join(self, limit_s: float, *, except_for: threading.Thread | None = None) -> None:
        """Wait for every thread but one; leave behind those that outlast ``limit_s`` in all."""
        # Threads end in real time, whatever clock the session uses.
        deadline = Deadline(SystemClock(), limit_s)
        joined = {except_for}
        while waiting := [thread for thread in self._snapshot() if thread not in joined]:
            for thread in waiting:  # they may start others meanwhile
                thread.join(deadline.remaining_s)
                if thread.is_alive():
                    _log.info("%s did not end and was left behind", thread.name)
            joined.update(waiting)

    def _snapshot(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._threads)
