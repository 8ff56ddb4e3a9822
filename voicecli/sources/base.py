"""The byte source contract: where audio bytes come from, before anyone decodes them.

A source is a context manager that is iterated once, by one thread::

    with source:                       # makes the request; raises what the server says
        for chunk in source:           # bytes of any length >= 1, as they arrive
            ...

- Entering returns when the kind of answer is known (for HTTP: status and headers);
  ``info`` is valid from then on.
- ``when_sent`` is called first; its callback is called on the entering thread when
  the request has left the machine. A source with nothing to send calls it before it
  warms up. What can wait until the other side thinks waits for that.
- ``warm`` loads what making the request takes (libraries, models) and is called
  before t0; a source that was not warmed does it on entering.
- A source that failed before its first byte may be entered again: a retry.
- A source never ends quietly when it knows that bytes are missing: it raises.
- ``cancel()`` may be called from any thread, at any time, more than once; the
  iterating thread then stops soon. Being cancelled is not an error of the source:
  it may end quietly or raise, and the caller, who knows, ignores either.
- Faults are `SourceError`; no library's own exception passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType


class SourceInfo(NamedTuple):
    """What a source knows of its bytes before the first of them.

    None means that it was not said. ``requested`` is the format that was asked
    for, ``content_type`` what the other side calls its answer. ``rate_hz`` and
    ``channels`` matter to headerless PCM only; every other format says them itself.
    """

    requested: str | None = None
    content_type: str | None = None
    rate_hz: int | None = None
    channels: int | None = None


class ByteSource(Protocol):
    """Yields the bytes of one utterance; see the module for the whole contract."""

    @property
    def info(self) -> SourceInfo:
        """What is known of the bytes; valid once the source is entered."""

    @property
    def label(self) -> str:
        """Where the bytes come from, for people and records; no secrets."""

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call when the request has left."""

    def warm(self) -> None:
        """Load what the request takes; raises `VoiceError` where that is not to be had."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks as they arrive; raises `SourceError` when the flow breaks."""

    def cancel(self) -> None:
        """Stop soon, from any thread; idempotent."""


@runtime_checkable
class Connecting(Protocol):
    """What a source has besides that makes a connection for its request."""

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Set what to call on the entering thread each time a connection stands.

        That is not at all where one is used again, and twice where encryption follows.
        """
