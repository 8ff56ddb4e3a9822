"""The byte source contract: where audio bytes come from, before anyone decodes them.

A source is a context manager that is iterated once, by one thread::

    with source:                       # makes the request; raises what the server says
        for chunk in source:           # bytes of any length >= 1, as they arrive
            ...

- Entering returns when the kind of answer is known (for HTTP: status and headers);
  ``info`` is valid from then on.
- A source never ends quietly when it knows that bytes are missing: it raises.
- ``cancel()`` may be called from any thread, at any time, more than once; the
  iterating thread then stops soon. Being cancelled is not an error of the source:
  it may end quietly or raise, and the caller, who knows, ignores either.
- Faults are `SourceError`; no library's own exception passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source knows of its bytes before the first of them.

    None means that it was not said. ``rate_hz`` and ``channels`` matter to
    headerless PCM only; every other format says them itself.
    """

    content_type: str | None = None
    rate_hz: int | None = None
    channels: int | None = None


class ByteSource(Protocol):
    """Yields the bytes of one utterance; see the module for the whole contract."""

    @property
    def info(self) -> SourceInfo:
        """What is known of the bytes; valid once the source is entered."""

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
