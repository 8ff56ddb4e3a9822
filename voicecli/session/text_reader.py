"""Read text from any iterable on a thread of its own, a bounded amount ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.session.channel import TEXT_CAPACITY, Channel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.threads import Spawn


class TextReader:
    """Passes pieces of text from an iterable that may block to the thread that needs them.

    `start` and `take` belong to one thread. An iterable that blocks cannot be woken: its
    thread is left behind when the run is cancelled.
    """

    def __init__(self, pieces: Iterable[str | bytes]) -> None:
        self._pieces = pieces
        self._channel: Channel[str | bytes] = Channel(TEXT_CAPACITY)
        self._error: BaseException | None = None
        self.has_ended = False

    def start(self, spawn: Spawn) -> None:
        """Start to read."""
        spawn(self._read, "voicecli-text")

    def take(self, timeout_s: float) -> list[str | bytes]:
        """Return what was read, waiting for it at most ``timeout_s``.

        Sets ``has_ended`` at the end of the text.

        Raises:
            Exception: what the iterable raised.
        """
        pieces = self._channel.take(timeout_s)
        if not pieces and self._channel.is_over:
            self.has_ended = True
            if self._error is not None:
                raise self._error
        return pieces

    def close(self) -> None:
        """Stop reading; any thread."""
        self._channel.close()

    def _read(self) -> None:
        try:
            for piece in self._pieces:
                if piece and not self._channel.put(piece, len(piece)):
                    return
        except BaseException as error:  # noqa: BLE001  raised where the text is needed
            self._error = error
        finally:
            self._channel.end()
