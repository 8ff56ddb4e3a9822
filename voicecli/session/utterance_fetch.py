"""One utterance being fetched: its requests, its channel, and how it ended."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING

from voicecli.errors import VoiceError
from voicecli.session.channel import Channel
from voicecli.session.utterance import Failure, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from voicecli.clock import Clock
    from voicecli.errors import SourceTimeout
    from voicecli.session.fetcher import Fetcher
    from voicecli.session.items import Item
    from voicecli.session.pace import Pace

JOINED_BYTES = 16 * 1024
"""Small chunks are joined up to this size. Decoding more at once would delay the first sound."""

CHUNK_BACKLOG_BYTES = 4 * 1024 * 1024
"""Received bytes of one utterance that may wait for the decoder; beyond that, the socket fills."""


class UtteranceFetch:
    """Fetches one utterance, or what replaces it after a failure, into a channel of its own.

    `run` belongs to the fetch thread, everything else to any. ``error``, ``has_ended``,
    ``is_given_up`` and ``is_replaced`` are set by the owner, under the owner's lock;
    ``is_whole`` says that everything arrived. ``latest`` is the utterance whose items are in
    the channel last: it replaces the first one if that failed before any of its sound was
    taken. ``is_cached`` says that an answer came from the cache.
    """

    def __init__(self, utterance: Utterance, clock: Clock, pace: Pace | None) -> None:
        self.utterance = utterance
        self.latest = utterance
        self.items: Channel[Item] = Channel(CHUNK_BACKLOG_BYTES)
        self.error: VoiceError | None = None
        self.has_ended = False
        self.is_given_up = False
        self.is_replaced = False
        self.is_cancelled = False
        self._clock = clock
        self._pace = pace
        self._fetcher: Fetcher | None = None
        self.is_whole = False
        self.is_cached = False
        self._is_request_cancelled = False
        self._has_sound = False  # whether the current request brought sound
        self._fault: SourceTimeout | None = None  # the timeout of the current request

    def run(
        self,
        make_fetcher: Callable[[Utterance], Fetcher],
        on_bytes: Callable[[Utterance, bytes], None],
        on_replaced: Callable[[Failure, Utterance, Utterance], None],
    ) -> None:
        """Fetch everything; ``on_bytes`` gets each utterance and its bytes.

        ``on_replaced`` gets each failure, the utterance that failed and what is spoken instead.

        Raises:
            VoiceError: a request failed, and nothing else can be spoken in its place.
        """
        left = deque([self.utterance])
        while left and not self.is_cancelled:
            utterance = self.latest = left.popleft()
            try:
                self._request(make_fetcher(utterance), utterance, on_bytes)
            except VoiceError as error:
                failure = Failure(error, 0 if self._has_sound else None)
                parts = self._instead_of(utterance, failure)
                if not parts:
                    raise
                on_replaced(failure, utterance, parts[0])
                left.extendleft(reversed(parts))
        self.is_whole = not self._is_request_cancelled

    def _request(
        self, fetcher: Fetcher, utterance: Utterance, on_bytes: Callable[[Utterance, bytes], None]
    ) -> None:
        self._fault, self._has_sound = None, False
        self._fetcher = fetcher
        if self._is_request_cancelled:  # read after the fetcher was set, as it is cancelled
            fetcher.cancel()
        self._drain(fetcher, utterance, on_bytes)
        if self._fault is not None:
            raise self._fault

    def _instead_of(self, utterance: Utterance, failure: Failure) -> Sequence[Utterance]:
        """Return what to speak in place of an utterance, as long as no sound of it was taken."""
        if utterance.replace is None or self.is_cancelled or self._is_request_cancelled:
            return ()
        if self._has_sound and self.items.is_touched:
            return ()
        instead = utterance.replace(failure)
        if instead and self._has_sound and not self.items.clear_untouched():
            return ()
        return instead

    def take(self) -> list[Item]:
        """Take what has arrived, small chunks joined; waits for at least one item.

        Empty at the end. For the decoder thread.
        """
        return list(_joined(self.items.take()))

    @property
    def is_recoverable(self) -> bool:
        """Whether it broke within its sound, and its rest can perhaps be asked for again."""
        may_replace = self.latest.replace is not None and not self.is_given_up
        return self.error is not None and self._has_sound and may_replace

    def check_deadline(self) -> float | None:
        """Return the seconds until this should be called again, None for no need.

        Raises:
            SourceTimeout: the source has been silent for too long.
        """
        return self._fetcher.check_deadline() if self._fetcher is not None else None

    def time_out(self, fault: SourceTimeout) -> None:
        """Let the request that is under way fail, so that `run` may replace it."""
        self._fault = fault
        if self._fetcher is not None:
            self._fetcher.cancel()

    def cancel_request(self) -> None:
        """Stop the request; what has arrived can still be taken."""
        self._is_request_cancelled = True
        if self._fetcher is not None:
            self._fetcher.cancel()

    def cancel(self) -> None:
        """Stop the request and drop what has arrived."""
        self.is_cancelled = True
        self.cancel_request()
        self.items.close()

    def _drain(
        self, fetcher: Fetcher, utterance: Utterance, on_bytes: Callable[[Utterance, bytes], None]
    ) -> None:
        first_at: float | None = None
        with closing(fetcher.fetch(utterance.source)) as items:
            for item in items:
                weight = 1
                if isinstance(item, bytes):
                    first_at = self._clock.now() if first_at is None else first_at
                    weight = len(item)
                    self._has_sound = True
                    on_bytes(utterance, item)
                if not self.items.put(item, weight):
                    return  # the reader wants no more
        if fetcher.is_cached:  # which says nothing of the endpoint's pace
            self.is_cached = True
        elif self._pace is not None and utterance.segment is not None and first_at is not None:
            length, now, began_at = len(utterance.segment.text), self._clock.now(), fetcher.began_at
            self._pace.fetched(length, first_at - began_at, now - began_at)


def _joined(items: list[Item]) -> Iterator[Item]:
    """Yield the items with small chunks joined: decoding has a cost per call."""
    chunks: list[bytes] = []
    size = 0
    for item in items:
        if chunks and not (isinstance(item, bytes) and size + len(item) <= JOINED_BYTES):
            yield b"".join(chunks)
            chunks, size = [], 0
        if isinstance(item, bytes):
            chunks.append(item)
            size += len(item)
        else:
            yield item
    if chunks:
        yield b"".join(chunks)
