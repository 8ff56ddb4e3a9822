"""How a stage gets a thread: it asks whoever runs it.

Threads are made in one module, `voicecli.session.thread_group`, which knows them all and
joins them. A stage that needs one is handed a `Spawn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Joinable(Protocol):
    """What came of starting a thread."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is done, or ``timeout`` seconds."""


class Spawn(Protocol):
    """Starts a thread: ``spawn(work, name)``. ``work`` does not raise."""

    def __call__(self, work: Callable[[], None], name: str, /) -> Joinable:
        """Start it."""
