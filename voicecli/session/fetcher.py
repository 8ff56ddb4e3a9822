"""The source thread's work: enter each source, pass on what arrives, try again where it may."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import RateLimited, SourceError, SourceTimeout, VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.clock import Clock
    from voicecli.handoff import Handoff
    from voicecli.observers import Observers
    from voicecli.sources.base import ByteSource, SourceInfo


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first thing passed on of each source: what it knows of its bytes."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last thing of each source; ``broken`` where more should have come."""

    broken: bool = False


Item = StreamStart | bytes | StreamEnd


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long and how often. None means without limit."""

    first_byte_s: float | None = 60.0
    stall_s: float | None = 60.0
    retries: int = 2
    longest_wait_s: float = 60.0


class Fetcher:
    """Drives sources one after another into a `Handoff`.

    `run` is the source thread's; `check_deadline` and `cancel` are called by
    the session's thread.
    """

    def __init__(
        self,
        chunks: Handoff[Item],
        limits: FetchLimits,
        clock: Clock,
        observers: Observers,
        *,
        on_sent: Callable[[], None],
        on_bytes: Callable[[bytes], None],
    ) -> None:
        self._chunks = chunks
        self._limits = limits
        self._clock = clock
        self._observers = observers
        self._on_sent = on_sent
        self._on_bytes = on_bytes
        self._asked = False
        self._changed = threading.Condition()
        self._cancelled = False
        self._source: ByteSource | None = None
        # When the wait for bytes that is under way began, and whether they are the first.
        self._waiting: tuple[float, bool] | None = None
        self._timeout: SourceTimeout | None = None

    def run(self, sources: Iterable[ByteSource], fail: Callable[[VoiceError], None]) -> None:
        """Fetch every source in turn, then end the handoff.

        ``fail`` is told when one failed and trying again was no use or not
        allowed, before the handoff ends: nobody may take a failure for the end.
        """
        try:
            for source in sources:
                self._fetch(source)
                if self._cancelled:
                    return
            self._observers.tell("received_all", self._clock.now())
        except VoiceError as error:
            fail(error)
        self._chunks.end()

    def _fetch(self, source: ByteSource) -> None:
        self._source = source
        source.when_sent(self._sent)
        source.warm()
        attempt = 0
        while not self._cancelled:
            self._asked = True
            self._observers.tell("requested", self._clock.now(), source.label)
            try:
                self._stream(source)
                return
            except _NothingCame as nothing:
                wait_s = self._wait_before_retry(nothing.error, attempt)
                if wait_s is None:
                    raise nothing.error from nothing
                self._observers.tell("retrying", self._clock.now(), nothing.error, wait_s)
                attempt += 1
                self._pause(wait_s)

    def _stream(self, source: ByteSource) -> None:
        """One attempt. Raises `_NothingCame` for a fault before the first byte."""
        started = False
        try:
            self._waiting = (self._clock.now(), True)
            with source:
                self._observers.tell("answered", self._clock.now(), source.info)
                for chunk in source:
                    self._waiting = None
                    self._observers.tell("received", self._clock.now(), len(chunk))
                    if not started:
                        started = True
                        self._chunks.put(StreamStart(source.info))
                    self._on_bytes(chunk)
                    if not self._chunks.put(chunk, len(chunk)):
                        self._cancelled = True  # whoever closed the handoff wants no more
                        return
                    self._waiting = (self._clock.now(), False)
            if not started:
                self._chunks.put(StreamStart(source.info))
            self._chunks.put(StreamEnd())
        except SourceError as error:
            fault = self._timeout or error
            if self._cancelled:
                return
            if not started and fault is error:
                raise _NothingCame(error) from error
            if started:
                self._chunks.put(StreamEnd(broken=True))
            raise fault from error
        finally:
            self._waiting = None

    def _wait_before_retry(self, error: SourceError, attempt: int) -> float | None:
        """Seconds to wait before trying again, None where it is no use."""
        if not error.retryable or attempt >= self._limits.retries:
            return None
        wait_s = 0.5 * 2.0**attempt
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            wait_s = error.retry_after_s
        return wait_s if wait_s <= self._limits.longest_wait_s else None

    def _pause(self, wait_s: float) -> None:
        until = self._clock.now() + wait_s
        with self._changed:
            while not self._cancelled and (left_s := until - self._clock.now()) > 0:
                self._clock.wait(self._changed, left_s)

    def _sent(self) -> None:
        if self._asked:  # a source with nothing to send says so while it warms up
            self._observers.tell("request_sent", self._clock.now())
        self._on_sent()

    def check_deadline(self) -> float | None:
        """Give up a source that has been silent for too long.

        Returns the seconds until this should be called again, None for no need.
        """
        waiting, source = self._waiting, self._source
        if waiting is None or source is None or self._timeout is not None:
            return None
        since, is_first = waiting
        limit_s = self._limits.first_byte_s if is_first else self._limits.stall_s
        if limit_s is None:
            return None
        left_s = since + limit_s - self._clock.now()
        if left_s > 0:
            return left_s
        what = "sent nothing" if is_first else "stopped sending"
        self._timeout = SourceTimeout(
            f"{source.label} {what} for {limit_s:g} s",
            remedy="--timeout sets how long to wait",
        )
        source.cancel()
        return None

    def cancel(self) -> None:
        """Stop soon; idempotent."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        if self._source is not None:
            self._source.cancel()


class _NothingCame(Exception):
    """A fault before the first byte, when trying again is still possible."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error
