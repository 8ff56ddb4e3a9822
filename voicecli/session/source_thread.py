"""The source thread's work: from the fetcher into the channel."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from voicecli.errors import SourceTimeout, VoiceError
from voicecli.session.fetcher import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.clock import Clock
    from voicecli.session.channel import Channel
    from voicecli.session.fetcher import FetchLimits
    from voicecli.session.items import Item
    from voicecli.sources.base import Source
    from voicecli.telemetry.observers import Observers


class SourceThread:
    """Passes on what a `Fetcher` yields, through a bounded `Channel`.

    `run` is the source thread's; the session's thread calls `check_deadline` and
    `cancel`. ``fail`` is called before the channel ends, so that nobody takes a failure
    for the end. ``on_bytes`` sees all bytes; ``on_sent`` is as for `Fetcher`.
    """

    def __init__(
        self,
        chunks: Channel[Item],
        limits: FetchLimits,
        clock: Clock,
        observers: Observers,
        *,
        on_sent: Callable[[], None],
        on_bytes: Callable[[bytes], None],
        fail: Callable[[VoiceError], None],
    ) -> None:
        self._chunks = chunks
        self._fetcher = Fetcher(limits, clock, observers, on_sent=on_sent)
        self._on_bytes = on_bytes
        self._fail = fail

    def run(self, sources: Iterable[Source]) -> None:
        """Fetch every source in turn, then end the channel."""
        try:
            with closing(self._fetcher.items(sources)) as items:
                for item in items:
                    weight = 1
                    if isinstance(item, bytes):
                        self._on_bytes(item)
                        weight = len(item)
                    if not self._chunks.put(item, weight):
                        break  # the reader wants no more
        except VoiceError as error:
            self._fail(error)
        self._chunks.end()

    def check_deadline(self) -> float | None:
        """Give up a source that has been silent for too long.

        Returns the seconds until this should be called again, None for no need.
        """
        try:
            return self._fetcher.check_deadline()
        except SourceTimeout as error:
            self._fail(error)
            self._chunks.end()
            self._fetcher.cancel()
            return None

    def cancel(self) -> None:
        """Stop soon; any thread, idempotent."""
        self._fetcher.cancel()
