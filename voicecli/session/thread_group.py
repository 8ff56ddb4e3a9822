"""The threads of one session: started here, joined here, and their faults collected."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from voicecli.clock import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class ThreadGroup:
    """Starts threads and joins them all.

    ``on_fault`` gets whatever a thread's work raises, on that thread: no fault
    ends with the thread it happened in. `spawn` may be called from any thread,
    the crew's own included.
    """

    def __init__(self, on_fault: Callable[[BaseException], None]) -> None:
        self._on_fault = on_fault
        self._threads: list[threading.Thread] = []

    def spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread that `join` will join."""

        def guarded() -> None:
            try:
                work()
            except BaseException as fault:  # noqa: BLE001  told to whoever owns the crew
                self._on_fault(fault)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)  # not before: only what was started can be joined
        return thread

    def join(self, limit_s: float, *, but: threading.Thread | None = None) -> None:
        """Wait for every thread ``but`` one; past ``limit_s`` in all, leave behind who remains."""
        # Threads end in real time, whatever clock the session runs by.
        deadline = Deadline(SystemClock(), limit_s)
        for thread in self._threads:  # grows meanwhile: a thread may have started another
            if thread is but:
                continue
            thread.join(deadline.remaining_s)
            if thread.is_alive():
                _log.info("%s does not end and is left behind", thread.name)
