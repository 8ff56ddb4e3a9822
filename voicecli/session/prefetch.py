"""Fetch the segments of a text in order, a few ahead of the one that is rendered.

::

    source thread     takes utterances one by one, as slots become free
    fetch threads     one for each request: Fetcher → the utterance's own Channel
    decoder thread    `take`: everything of utterance 0, then of utterance 1, …

Each utterance has its own channel, so that the next one arrives while this one is decoded,
and can be cancelled alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from voicecli.errors import SourceTimeout, ThreadError, VoiceError
from voicecli.session.items import AwaitText, StreamBroken, UtteranceStart
from voicecli.session.utterance import Failure, Utterance
from voicecli.session.utterance_fetch import UtteranceFetch
from voicecli.sources.base import KeepsAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.session.fetcher import Fetcher
    from voicecli.session.items import Item
    from voicecli.session.pace import Pace
    from voicecli.session.requests import Requests
    from voicecli.sources.base import Source
    from voicecli.threads import Spawn


class Prefetcher:
    """Fetches utterances, each on its own thread and connection, and passes them on in order.

    `run` belongs to the source thread, `take` to the decoder thread, `check_deadline` to the
    session's; `cancel`, `cancel_one` and `close` to any. As many utterances as `Requests`
    allows are fetched beside the one that is rendered.
    Of several errors, the first in the order of the text is reported; what arrived before it
    is still passed on, nothing behind it is.
    """

    def __init__(self, requests: Requests, spawn: Spawn, pace: Pace | None = None) -> None:
        self._requests = requests
        self._spawn = spawn
        self._pace = pace
        self._changed = threading.Condition()
        # Under the lock:
        self._fetches: deque[UtteranceFetch] = deque()  # the first is rendered
        self._is_rendering = False
        self._waited = False  # `take` has said that it waits for text
        self._ended = False  # no utterance follows
        self._failed = False
        self._is_cut = False  # an answer did not arrive to its end
        self._received_all = False
        self._received_at: float | None = None  # when the latest fetch ended
        self._last_error: VoiceError | None = None  # of the text, behind all utterances

    def run(self, utterances: Iterable[Utterance | Source]) -> None:
        """Start a fetch for each utterance, taking the next one when there is a free slot."""
        try:
            for each in utterances:
                if not self._start(each if isinstance(each, Utterance) else Utterance(each)):
                    break
        except VoiceError as error:
            self._last_error = error
        finally:
            if isinstance(utterances, Generator):
                utterances.close()  # lets the reader of its text go
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._report_all_received()

    def take(self) -> list[Item]:
        """Return what has arrived, waiting for at least one item; empty at the end."""
        while True:
            with self._changed:
                if not self._is_rendering:
                    if not self._fetches and not self._ended and not self._waited:
                        self._waited = True
                        return [AwaitText()]
                    while not (self._fetches or self._ended):
                        self._changed.wait()
                    if not self._fetches:
                        break
                    self._is_rendering, self._waited = True, False
                    return [UtteranceStart(self._fetches[0].utterance)]
                fetch = self._fetches[0]
            self._report_error_of(fetch)
            if items := fetch.take():
                return items
            if fetch.error is not None and self._is_recoverable(fetch):
                return [StreamBroken(fetch.error)]
            self._report_error_of(fetch)
            with self._changed:
                self._fetches.popleft()
                self._is_rendering = False
                self._changed.notify_all()
        if self._last_error is not None and not self._failed:
            self._report(self._last_error)
        return []

    def recover(self, failure: Failure) -> bool:
        """Request the rest of the utterance being rendered, in its place [decoder thread].

        Everything that arrived of it has been rendered, or is useless. False if it cannot be
        recovered: then `take` reports why it broke off, if that is known.
        """
        fetch = self._fetches[0]
        if fetch.error is None and isinstance(fetch.latest.source, KeepsAnswer):
            fetch.latest.source.discard()  # what came could not be decoded
        failure = failure._replace(error=fetch.error or failure.error)
        replace = fetch.latest.replace
        with self._changed:
            is_over = self._failed or fetch.is_cancelled
        utterances = replace(failure) if replace is not None and not is_over else ()
        if not utterances:
            with self._changed:
                fetch.is_given_up = True
                self._is_cut = self._is_cut or fetch.error is not None
            return False
        fetch.is_replaced = True
        fetch.cancel()
        self._requests.replaced(failure, fetch.latest, utterances[0])
        fresh = [UtteranceFetch(each, self._requests.clock, self._pace) for each in utterances]
        with self._changed:
            self._fetches.popleft()
            self._fetches.extendleft(reversed(fresh))
            self._is_rendering = False
            self._changed.notify_all()
        for each in fresh:
            self._begin(each)
        return True

    def check_deadline(self) -> float | None:
        """Give up fetches that have been silent for too long.

        Returns the seconds until this should be called again, None for no need.
        """
        limits_s: list[float] = []
        for fetch in self._snapshot():
            try:
                limit_s = fetch.check_deadline()
            except SourceTimeout as error:
                if fetch.latest.replace is not None:
                    fetch.time_out(error)
                    continue
                self._end(fetch, error)
                fetch.cancel_request()  # its thread may be slow to notice
            else:
                limits_s += [] if limit_s is None else [limit_s]
        return min(limits_s, default=None)

    def cancel(self) -> None:
        """Stop all requests soon; what has arrived is still passed on. Idempotent."""
        self._stop()
        for fetch in self._snapshot():
            fetch.cancel_request()

    def cancel_one(self, number: int) -> None:
        """Stop the request of one utterance and drop its sound; the others continue."""
        for fetch in self._snapshot():
            if fetch.utterance.number == number:
                fetch.cancel()

    def close(self) -> None:
        """Stop everything and drop what has arrived."""
        self.cancel()
        for fetch in self._snapshot():
            fetch.cancel()

    def _snapshot(self) -> list[UtteranceFetch]:
        with self._changed:
            return list(self._fetches)

    def _start(self, utterance: Utterance) -> bool:
        """Start a fetch and wait for the next free slot; False once everything is over."""
        fetch = UtteranceFetch(utterance, self._requests.clock, self._pace)
        with self._changed:
            # An error ends the speech where it is reached; nothing is asked for behind it.
            is_lost = any(
                other.error and not self._is_recoverable(other) for other in self._fetches
            )
            if self._ended or self._failed or is_lost:
                return False
            self._fetches.append(fetch)
            self._changed.notify_all()
        self._begin(fetch)
        self._requests.wait_for_first()
        with self._changed:
            while len(self._fetches) >= self._requests.most and not self._ended:
                self._changed.wait()
            return not (self._ended or self._failed)

    def _begin(self, fetch: UtteranceFetch) -> None:
        try:
            self._spawn(partial(self._work, fetch), f"voicecli-fetch-{fetch.utterance.number}")
        except ThreadError as error:
            self._end(fetch, error)  # else the decoder would wait for it

    def _work(self, fetch: UtteranceFetch) -> None:
        """Fetch one utterance, or what is to be spoken in its place [fetch thread]."""

        def make_fetcher(utterance: Utterance) -> Fetcher:
            return self._requests.fetcher(utterance, partial(self._count_before, fetch))

        error: VoiceError | None = None
        try:
            fetch.run(make_fetcher, self._requests.received, self._requests.replaced)
        except VoiceError as fault:
            error = fault
        self._end(fetch, error)

    def _count_before(self, fetch: UtteranceFetch) -> int:
        """Return how many utterances before this one are still being fetched."""
        with self._changed:
            before = takewhile(lambda each: each is not fetch, self._fetches)
            return sum(not each.has_ended for each in before)

    def _end(self, fetch: UtteranceFetch, error: VoiceError | None) -> None:
        """Note how a fetch ended; an error of the one that is rendered is reported at once."""
        if error is not None and not fetch.is_cancelled:
            with self._changed:
                fetch.error = fetch.error or error
                is_first = bool(self._fetches) and self._fetches[0] is fetch
            if is_first and not self._is_recoverable(fetch):
                self._report(error)
        if fetch.is_cached:
            self._requests.note_cached()
        ended_at = self._requests.clock.now()
        fetch.items.end()
        with self._changed:
            fetch.has_ended = True
            self._received_at = max(ended_at, self._received_at or ended_at)
            self._requests.stop_waiting()
            is_lost = (error is not None or not fetch.is_whole) and not fetch.is_replaced
            self._is_cut = self._is_cut or (is_lost and not self._is_recoverable(fetch))
            self._changed.notify_all()
        self._report_all_received()

    def _report_all_received(self) -> None:
        """Report once that the last answer has arrived, or that there was nothing to ask for.

        If more text might have followed it, that is known later than when it arrived.
        """
        with self._changed:
            is_all = self._ended and all(
                each.has_ended and not self._is_recoverable(each) for each in self._fetches
            )
            if not is_all or self._is_cut or self._received_all:
                return
            self._received_all = True
            at = self._received_at
        self._requests.received_all(at)

    def _report_error_of(self, fetch: UtteranceFetch) -> None:
        if fetch.error is not None and not self._is_recoverable(fetch):
            self._report(fetch.error)

    def _is_recoverable(self, fetch: UtteranceFetch) -> bool:
        """Whether a fetch broke within its sound, and its rest has not been asked for yet."""
        return not self._failed and fetch.is_recoverable

    def _report(self, error: VoiceError) -> None:
        if self._stop():
            self._requests.failed(error)

    def _stop(self) -> bool:
        """Drop all behind the utterance being rendered; False if that was done before."""
        with self._changed:
            if self._failed:
                return False
            self._failed = self._ended = True
            self._requests.stop_waiting()
            behind = [self._fetches.pop() for _ in range(len(self._fetches) - 1)]
            self._is_cut = self._is_cut or not all(fetch.has_ended for fetch in behind)
            self._changed.notify_all()
        for fetch in behind:
            fetch.cancel()
        return True
