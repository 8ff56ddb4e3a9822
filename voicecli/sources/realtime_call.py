"""One request to a Realtime API, and what has arrived of its answer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from voicecli.sources.realtime_events import Answer

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from voicecli.request import SpeechRequest


class RealtimeCall:
    """A request under way; its session changes it, under the lock of ``changed``.

    Any thread may wait for it.
    """

    def __init__(self, request: SpeechRequest, number: int, changed: threading.Condition) -> None:
        self.event_id = f"voicecli_{number}"
        self.request = request
        self.answer = Answer()
        self.response_id: str | None = None
        self.chunks: deque[bytes] = deque()
        self.error: Exception | None = None
        self.is_sent = False
        self.is_over = False
        """Whether nothing more will arrive."""
        self.is_cancelled = False
        self._changed = changed

    def wait_until_sent(self) -> None:
        """Wait until the request has left; returns as well if it never will."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_sent or self.is_over or self.is_cancelled)

    def wait_until_begun(self) -> None:
        """Wait until the server has taken the request.

        Raises:
            VoiceError: it refuses the request, or the connection failed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self.response_id is not None or self.is_over or self.is_cancelled
            )
            if self.error is not None and not self.chunks and not self.is_cancelled:
                raise self.error

    def audio(self) -> Iterator[bytes]:
        """Yield the audio as it arrives; ends early once cancelled.

        Raises:
            VoiceError: the answer is incomplete; what came before is yielded first.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.chunks or self.is_over or self.is_cancelled)
                if self.is_cancelled:
                    return
                if not self.chunks:
                    if self.error is not None:
                        raise self.error
                    return
                chunk = b"".join(self.chunks)
                self.chunks.clear()
            yield chunk
