"""Observers watch a session from the side and never change what it does.

An observer is any callable that takes an event. It is called on the thread where the
event happens, so it must guard what it shares between threads. Events of one thread
come in order. It must be quick: the fetch and decoder threads are on the audio's path.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.telemetry.events import Event

Observer: TypeAlias = "Callable[[Event], None]"

_log = logging.getLogger(__name__)


class Observers:
    """Passes events on to observers; any thread.

    An observer that raises is logged once and not called again.
    """

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._lock = threading.Lock()
        self._observers = tuple(observers)  # replaced, never changed: `notify` takes no lock

    def add(self, observer: Observer) -> None:
        """Add one more observer, behind the others."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def notify(self, event: Event) -> None:
        """Call every observer, in the order they were given."""
        for observer in self._observers:
            try:
                observer(event)
            except Exception as fault:  # noqa: BLE001  whatever it raises, the audio goes on
                self._drop(observer, event, fault)

    def _drop(self, observer: Observer, event: Event, fault: Exception) -> None:
        with self._lock:
            left = tuple(other for other in self._observers if other is not observer)
            if len(left) == len(self._observers):
                return  # another thread was here first
            self._observers = left
        if isinstance(fault, VoiceError):
            _log.warning("%s", fault)
        elif isinstance(fault, OSError):  # such as too many open files: not a defect
            reason = fault.strerror or fault
            _log.warning("an observer of %s was dropped: %s", type(event).__name__, reason)
        else:
            name = type(event).__name__
            _log.error("an observer failed on %s and was dropped", name, exc_info=fault)

    def clear(self) -> None:
        """Drop all observers: a thread that was left behind must not reach them."""
        with self._lock:
            self._observers = ()
