"""What the requests of a run share: limits, reports, and how many may run at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from voicecli.errors import RateLimited, VoiceError
from voicecli.session.fetcher import Fetcher, RunState
from voicecli.session.messages import FirstBytes
from voicecli.telemetry.events import ReceivedAll, Replaced, RequestsReduced

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.clock import Clock
    from voicecli.playback.history import History
    from voicecli.session.fetcher import FetchLimits
    from voicecli.session.messages import Mailbox
    from voicecli.session.utterance import Failure, Utterance
    from voicecli.telemetry.observers import Observers

_HEAD_START_S = 0.25
"""Longest wait of the second request until the first has left."""


class Requests:
    """Makes the fetcher of each request, and reports what all of them do; any thread.

    ``mailbox`` gets the first bytes and the first error. ``on_sent`` is as for `Fetcher`,
    ``on_bytes`` gets each utterance's number and bytes. ``history`` is notified when
    another endpoint or the cache speaks.

    Attributes:
        clock: the clock of all requests.
        most: how many utterances may be fetched or rendered at once: one beside
            ``limits.ahead``, fewer once a server has refused one with 429.
    """

    def __init__(
        self,
        limits: FetchLimits,
        clock: Clock,
        observers: Observers,
        mailbox: Mailbox,
        *,
        on_sent: Callable[[], None] | None = None,
        on_bytes: Callable[[int, bytes], None] | None = None,
        history: History | None = None,
    ) -> None:
        self.most = 1 + limits.ahead
        self._limits = limits
        self.clock = clock
        self._observers = observers
        self._mailbox = mailbox
        self._on_sent = on_sent
        self._on_bytes = on_bytes
        self._history = history
        self._lock = threading.Lock()
        self._reached: set[str] = set()  # labels of the endpoints that sent bytes
        self._first_left = threading.Event()

    def fetcher(self, utterance: Utterance, count_before: Callable[[], int]) -> Fetcher:
        """Return the fetcher of an utterance; ``count_before`` counts those fetched before it."""
        if self._history is not None and utterance.speaker not in (None, self._history.key):
            self._history.mix()
        return Fetcher(
            self._limits,
            self.clock,
            self._observers,
            segment=utterance.number,
            on_sent=self._note_sent if utterance.source.sends_request else self.release,
            on_retry=lambda error: self._note_retry(error, count_before()),
            run=RunState(
                was_reached=lambda: utterance.source.label in self._reached,
                has_next=utterance.has_next,
                is_crowded=lambda: count_before() > 0,
                has_room=lambda: count_before() < self.most,
            ),
        )

    def wait_for_first(self) -> None:
        """Wait a moment until the first request has left: others must not hold it up."""
        self._first_left.wait(_HEAD_START_S)

    def stop_waiting(self) -> None:
        """Let the other requests leave."""
        self._first_left.set()

    def release(self) -> None:
        """Report that slow imports need not wait any longer."""
        if self._on_sent is not None:
            self._on_sent()

    def received(self, utterance: Utterance, data: bytes) -> None:
        """Report bytes of an utterance."""
        with self._lock:
            is_first = not self._reached
            self._reached.add(utterance.source.label)
        if is_first:
            self._first_left.set()
            self._mailbox.put(FirstBytes())
        if self._on_bytes is not None:
            self._on_bytes(utterance.number, data)

    def replaced(self, failure: Failure, failed: Utterance, instead: Utterance) -> None:
        """Report that ``instead`` is spoken in place of what failed."""
        now, number = self.clock.now(), failed.number
        names = _names(failed, instead)
        self._observers.notify(Replaced(now, number, failure.error, *names, failure.sentences))

    def note_cached(self) -> None:
        """Report that an answer came from the cache."""
        if self._history is not None:
            self._history.mix()

    def received_all(self, at: float | None) -> None:
        """Report when the last answer ended; None if there was nothing to ask for."""
        self._observers.notify(ReceivedAll(self.clock.now() if at is None else at))
        self.release()

    def failed(self, error: VoiceError) -> None:
        """Report the error that ends the run."""
        self._mailbox.fail(error)

    def _note_sent(self) -> None:
        self._first_left.set()
        self.release()

    def _note_retry(self, error: VoiceError, before_it: int) -> None:
        """Lower the number of requests at once after the server refused one of several."""
        if not isinstance(error, RateLimited):
            return
        with self._lock:
            was = self.most
            self.most = max(1, min(was, before_it))
            is_less = self.most < was
        if is_less:
            self._observers.notify(RequestsReduced(self.clock.now(), self.most))


def _names(failed: Utterance, instead: Utterance) -> tuple[str, str]:
    """Return the labels of two endpoints, with their models if only those differ."""
    names = failed.source.label, instead.source.label
    before, after = failed.speaker, instead.speaker
    if names[0] != names[1] or before is None or after is None or before.model == after.model:
        return names
    return f"{names[0]} {before.model}", f"{names[1]} {after.model}"
