"""The source contract: where encoded audio bytes come from.

A source makes requests and knows nothing of decoding or playback::

    source.prepare()                       # imports, clients, models; before t0
    with source.open(events) as response:  # raises if the request is refused
        response.info                      # what is known about the bytes
        for chunk in response:             # any length >= 1, as they arrive
            ...

- `Source.open` blocks until the kind of answer is known (for HTTP: status and
  headers). It prepares the source first if that was not done. After a failed attempt it
  may be called again: a retry.
- Iterating a response raises if the source knows that bytes are missing.
- ``events`` is called on the opening thread.
- `Source.cancel` may be called from any thread, at any time, more than once. The
  thread that reads then stops soon: it may end quietly or raise, and the caller,
  which knows that it cancelled, ignores either.
- Faults are `SourceError` (`ConfigError` from `prepare`); no other library's
  exception passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class SourceInfo(NamedTuple):
    """What a source knows about its bytes before the first of them arrives.

    None means unknown. ``requested`` is the format that was asked for,
    ``content_type`` the server's name for its answer. ``rate_hz`` and ``channels``
    matter to headerless PCM only; every other format carries them itself.
    ``has_known_end`` is False if a cut could not be noticed. ``warnings`` are for people.
    ``endpoint`` is the label under which facts about the answer are remembered, if any are.
    ``is_mislabelled``: the content type is known to be wrong. ``is_file``: the bytes are a
    file, not an answer, and errors say so.
    """

    requested: str | None = None
    content_type: str | None = None
    rate_hz: int | None = None
    channels: int | None = None
    has_known_end: bool = True
    warnings: tuple[str, ...] = ()
    endpoint: str | None = None
    is_mislabelled: bool = False
    is_file: bool = False

    @property
    def of_audio(self) -> SourceInfo:
        """The same for the audio alone, without the content type of its envelope.

        Server-sent events carry audio without one.
        """
        content_type = (self.content_type or "").lower()
        is_events = content_type.startswith("text/event-stream")
        return self._replace(content_type=None) if is_events or self.is_mislabelled else self


class Usage(NamedTuple):
    """What an answer used, by the server's account: tokens, and dollars if the price is known.

    ``audio_tokens`` are those of the output that are sound.
    """

    input_tokens: int
    output_tokens: int
    audio_tokens: int
    cost_usd: float | None = None


class AnswerReport(NamedTuple):
    """What is known about an answer once it has arrived.

    ``is_reworded`` says that the model changed the words; ``said`` is its transcript, not
    cleaned for a terminal. ``is_cached`` says that no request was made. ``warning`` is
    printed once.
    """

    said: str | None = None
    is_reworded: bool = False
    usage: Usage | None = None
    is_cached: bool = False
    warning: str | None = None


class RequestEvents(Protocol):
    """Receives the progress of one request, on the thread that opens it."""

    def connected(self) -> None:
        """Note a new connection; called again after a TLS handshake."""

    def sent(self) -> None:
        """Note that the last byte of the request has left; redirects do not repeat it."""


class Response:
    """The bytes of one answer: a context manager, iterated once, by one thread.

    ``info`` is valid from the start. ``close`` is called on leaving. ``report`` returns what
    the source knows about the answer, once it has arrived.
    """

    def __init__(
        self,
        info: SourceInfo,
        chunks: Iterable[bytes],
        close: Callable[[], None] | None = None,
        *,
        report: Callable[[], AnswerReport | None] | None = None,
    ) -> None:
        self.info = info
        self._chunks = chunks
        self._close = close
        self._report = report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._close is not None:
            self._close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks as they arrive; raises `SourceError` if bytes are missing."""
        return iter(self._chunks)

    def report(self) -> AnswerReport | None:
        """Return what is known about the answer; None before its end, or if nothing is known."""
        return self._report() if self._report is not None else None


class Source(Protocol):
    """Yields the bytes of one utterance; the module describes the whole contract."""

    @property
    def label(self) -> str:
        """Where the bytes come from, for people and records; no secrets."""

    @property
    def sends_request(self) -> bool:
        """Whether anything leaves the machine.

        If so, slow imports wait until it has left. If not, they overlap `prepare`.
        """

    def prepare(self) -> None:
        """Load what a request needs.

        Raises:
            VoiceError: a setting is wrong, or something cannot be loaded.
        """

    def open(self, events: RequestEvents | None = None) -> Response:
        """Make the request and return its response.

        Raises:
            SourceError: the server refused, or could not be reached.
        """

    def cancel(self) -> None:
        """Stop soon; any thread, idempotent."""


@runtime_checkable
class KeepsAnswer(Protocol):
    """A source that keeps its answer for later runs."""

    def discard(self) -> None:
        """Keep the answer no longer: it could not be decoded. Any thread, idempotent."""
