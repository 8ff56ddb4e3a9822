"""The source thread's work: from the fetcher into the channel."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from voicecli.errors import SourceTimeout, VoiceError
from voicecli.session.messages import FirstBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.session.channel import Channel
    from voicecli.session.fetcher import Fetcher, Item
    from voicecli.session.messages import Mailbox
    from voicecli.sources.base import Source


class SourceThread:
    """Passes on what a `Fetcher` yields, through a bounded `Channel`.

    `run` belongs to the source thread, `check_deadline` to the session's. The mailbox
    gets the first bytes, and failures before the channel ends, so that no failure looks
    like the end. ``on_bytes`` gets all bytes.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        chunks: Channel[Item],
        mailbox: Mailbox,
        *,
        on_bytes: Callable[[bytes], None] | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._chunks = chunks
        self._mailbox = mailbox
        self._on_bytes = on_bytes
        self._has_bytes = False

    def run(self, sources: Iterable[Source]) -> None:
        """Fetch every source in turn, then end the channel."""
        try:
            with closing(self._fetcher.items(sources)) as items:
                for item in items:
                    weight = 1
                    if isinstance(item, bytes):
                        self._take(item)
                        weight = len(item)
                    if not self._chunks.put(item, weight):
                        break  # the reader wants no more
        except VoiceError as error:
            self._mailbox.fail(error)
        self._chunks.end()

    def _take(self, data: bytes) -> None:
        if not self._has_bytes:
            self._has_bytes = True
            self._mailbox.put(FirstBytes())
        if self._on_bytes is not None:
            self._on_bytes(data)

    def check_deadline(self) -> float | None:
        """Give up a source that has been silent for too long.

        Returns the seconds until this should be called again, None for no need.
        """
        try:
            return self._fetcher.check_deadline()
        except SourceTimeout as error:
            self._mailbox.fail(error)
            self._chunks.end()
            self._fetcher.cancel()
            return None
