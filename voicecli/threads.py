"""How code that needs a thread gets one without owning it.

`voicecli.session.thread_group` starts all threads of a session and joins them. A
stage that needs a thread is given a `Spawn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Joinable(Protocol):
    """A thread that was started."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or for ``timeout`` seconds."""


class Spawn(Protocol):
    """Starts a thread: ``spawn(work, name)``. ``work`` must not raise."""

    def __call__(self, work: Callable[[], None], name: str, /) -> Joinable:
        """Start the thread."""
