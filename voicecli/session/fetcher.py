"""From sources to bytes: requests, retries and deadlines, as a generator of items."""

from __future__ import annotations

import threading
from collections.abc import Callable  # noqa: TC003  NamedTuple fields
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from voicecli.errors import RateLimited, SourceTimeout, VoiceError
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.session.retry import Attempt, Retry, RetryPolicy
from voicecli.sources.remedies import SET_TIMEOUT
from voicecli.telemetry.events import (
    Answered,
    AnswerReported,
    Connected,
    Received,
    ReceivedAll,
    Requested,
    RequestSent,
    Retrying,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from voicecli.clock import Clock
    from voicecli.session.items import Item
    from voicecli.session.retry import Decision
    from voicecli.sources.base import Response, Source
    from voicecli.telemetry.observers import Observers

_ROOM_POLL_S = 0.05
"""Time between looks whether there is room for a refused request, in seconds."""


class FetchLimits(NamedTuple):
    """Limits on waiting, in seconds, on retries and on requests at once. None means no limit.

    ``longest_wait_s`` is the longest Retry-After of a server that is waited for. ``ahead``
    is how many requests may be made ahead of the one whose sound is decoded.
    """

    first_byte_s: float | None = 60.0
    stall_s: float | None = 60.0
    retries: int = 2
    longest_wait_s: float = 60.0
    ahead: int = 2


class RunState(NamedTuple):
    """What a request has to know of the rest of its run; any thread.

    ``was_reached`` and ``has_next`` are as for `Attempt`, and so is ``is_crowded``.
    ``has_room`` tells whether the server is thought to allow this request beside the others.
    """

    was_reached: Callable[[], bool] = lambda: False
    has_next: bool = False
    is_crowded: Callable[[], bool] = lambda: False
    has_room: Callable[[], bool] = lambda: True


class _Silence(NamedTuple):
    """A wait for bytes that is under way, in which attempt; ``is_first`` before any came."""

    source: Source
    since: float
    attempt: int
    is_first: bool


class Fetcher:
    """Fetches sources one after another; used once.

    One thread iterates `items`. `check_deadline` and `cancel` may be called from any.
    ``on_sent`` is called, perhaps more than once, when slow imports need not wait any
    longer: a request has left, or none will. ``on_retry`` gets the fault of each attempt
    that will be repeated. ``segment`` is the number that its events carry. ``run`` is what it
    has to know of the rest of its run.
    """

    def __init__(
        self,
        limits: FetchLimits,
        clock: Clock,
        observers: Observers,
        *,
        segment: int = 0,
        on_sent: Callable[[], None] | None = None,
        on_retry: Callable[[VoiceError], None] | None = None,
        run: RunState | None = None,
    ) -> None:
        self._limits = limits
        self._run = run or RunState()
        self._crowded = 0  # attempts that do not count, since others were under way
        self._segment = segment
        self._policy = RetryPolicy(limits.retries, limits.longest_wait_s)
        self._clock = clock
        self._observers = observers
        self._on_sent = on_sent
        self._on_retry = on_retry
        self._changed = threading.Condition()
        self._cancelled = False
        self._source: Source | None = None
        self._silence: _Silence | None = None
        self.began_at = 0.0
        """When the last request was made, after all waits for a server that had refused it."""
        self.is_cached = False
        """Whether the last answer came from the cache, without a request."""

    def items(self, sources: Iterable[Source]) -> Generator[Item, None, None]:
        """Yield what arrives, and report it; ends early once cancelled.

        Raises:
            VoiceError: a source failed, and the retry policy gave up.
        """
        for source in sources:
            yield from self.fetch(source)
            if self._cancelled:
                return
        self._observers.notify(ReceivedAll(self._clock.now()))
        self._release()  # for threads that wait for a request, even if there was none

    def check_deadline(self) -> float | None:
        """Return the seconds until this should be called again, None for no need.

        Raises:
            SourceTimeout: the source has been silent for too long. The caller reports it
                and cancels, without waiting for `items` to end: the source may be slow to
                notice.
        """
        silence = self._silence
        if silence is None or self._cancelled:
            return None
        limit_s = self._limits.first_byte_s if silence.is_first else self._limits.stall_s
        if limit_s is None:
            return None
        left_s = silence.since + limit_s - self._clock.now()
        if left_s > 0:
            return left_s
        what = "sent nothing" if silence.is_first else "stopped sending"
        fault = SourceTimeout(
            f"{silence.source.label} {what} for {limit_s:g} s",
            remedy=SET_TIMEOUT,
        )
        decision = self._decide(fault, silence.attempt, 0.0, has_audio=not silence.is_first)
        assert not isinstance(decision, Retry), "a silent source cannot be asked again"
        raise fault

    def cancel(self) -> None:
        """Stop soon; any thread, idempotent."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        if self._source is not None:
            self._source.cancel()

    def fetch(self, source: Source) -> Generator[Item, None, None]:
        """Yield what arrives from one source, and report it; ends early once cancelled.

        Raises:
            VoiceError: the source failed, and the retry policy gave up.
        """
        # Set before the flag is read, as `cancel` sets the flag before it reads the source.
        self._source = source
        if self._cancelled:
            return
        if not source.sends_request:
            self._release()
        source.prepare()
        number = self._crowded = 0
        failed_at: float | None = None
        while not self._cancelled:
            number += 1
            has_audio = False
            try:
                for item in self._attempt(source, number):
                    has_audio = has_audio or isinstance(item, bytes)
                    yield item
            except VoiceError as error:
                if self._cancelled:  # a cancelled source may raise whatever it likes
                    return
                now = self._clock.now()
                failed_at = now if failed_at is None else failed_at
                decision = self._decide(error, number, now - failed_at, has_audio=has_audio)
                if not isinstance(decision, Retry):
                    raise
                self._observers.notify(Retrying(now, error, decision.wait_s, self._segment))
                if self._on_retry is not None:
                    self._on_retry(error)
                self._wait(decision.wait_s)
            else:
                return

    def _decide(
        self, fault: VoiceError, number: int, failing_s: float, *, has_audio: bool
    ) -> Decision:
        is_crowded = isinstance(fault, RateLimited) and self._run.is_crowded()
        self._crowded += is_crowded
        counted = max(1, number - self._crowded)
        was_reached, has_next = self._run.was_reached(), self._run.has_next
        attempt = Attempt(counted, failing_s, has_audio, was_reached, has_next, is_crowded)
        return self._policy.decide(fault, attempt)

    def _attempt(self, source: Source, number: int) -> Generator[Item, None, None]:
        has_started = False
        self.began_at = self._clock.now()
        self._observers.notify(Requested(self.began_at, source.label, self._segment))
        try:
            self._silence = _Silence(source, self._clock.now(), number, is_first=True)
            with source.open(self) as response, self._reporting(response):
                self._observers.notify(Answered(self._clock.now(), response.info))
                for chunk in response:
                    self._silence = None  # the consumer may take its time
                    self._observers.notify(Received(self._clock.now(), chunk, self._segment))
                    if not has_started:
                        has_started = True
                        yield StreamStart(response.info.of_audio)
                    yield chunk
                    self._silence = _Silence(source, self._clock.now(), number, is_first=False)
        finally:
            self._silence = None
        if self._cancelled:  # it ended because of that, not because it was complete
            return
        if not has_started:
            yield StreamStart(response.info.of_audio)
        yield StreamEnd()

    @contextmanager
    def _reporting(self, response: Response) -> Iterator[None]:
        """Report what the source knows of an answer, however it ended."""
        try:
            yield
        finally:
            if (report := response.report()) is not None:
                self.is_cached = report.is_cached
                at = self._clock.now()
                self._observers.notify(AnswerReported(at, report, self._segment))

    def _wait(self, wait_s: float) -> None:
        until = self._clock.now() + wait_s
        with self._changed:
            while not self._cancelled and (left_s := until - self._clock.now()) > 0:
                self._clock.wait(self._changed, left_s)
            while not (self._cancelled or self._run.has_room()):
                self._clock.wait(self._changed, _ROOM_POLL_S)

    def _release(self) -> None:
        if self._on_sent is not None:
            self._on_sent()

    # RequestEvents, called by the source.

    def connected(self) -> None:
        """Report a connection."""
        self._observers.notify(Connected(self._clock.now()))

    def sent(self) -> None:
        """Report that the request has left, and release the threads that wait for it."""
        self._observers.notify(RequestSent(self._clock.now()))
        self._release()
