"""The source thread's work: enter each source, pass on what arrives, try again where it may."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import RateLimited, SourceError, SourceTimeout, VoiceError
from voicecli.sources.base import Connecting
from voicecli.telemetry.events import (
    Answered,
    Connected,
    Received,
    ReceivedAll,
    Requested,
    RequestSent,
    Retrying,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.clock import Clock
    from voicecli.session.channel import Channel
    from voicecli.sources.base import ByteSource, SourceInfo
    from voicecli.telemetry.observers import Observers


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first thing passed on of each source: what it knows of its bytes."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last thing of a source that came whole; a stream without it is a broken one."""


Item = StreamStart | bytes | StreamEnd


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long and how often. None means without limit.

    ``longest_wait_s`` is how long a server may ask for patience (Retry-After)
    before its refusal is taken as final.
    """

    first_byte_s: float | None = 60.0
    stall_s: float | None = 60.0
    retries: int = 2
    longest_wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Silence:
    """A wait for bytes that is under way."""

    source: ByteSource
    since: float
    is_first: bool


class Fetcher:
    """Drives sources one after another into a `Channel`.

    `run` is the source thread's; `check_deadline` and `cancel` are called by
    the session's thread. ``fail`` is told, before the handoff ends, when a
    source failed and trying again was no use or not allowed: nobody may take a
    failure for the end. ``on_sent`` is called when a request has left, and once all
    is received.
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
        self._limits = limits
        self._clock = clock
        self._observers = observers
        self._on_sent = on_sent
        self._on_bytes = on_bytes
        self._fail = fail
        self._asked = False
        self._changed = threading.Condition()
        self._cancelled = False
        self._source: ByteSource | None = None
        self._silence: _Silence | None = None

    def run(self, sources: Iterable[ByteSource]) -> None:
        """Fetch every source in turn, then end the handoff."""
        try:
            for source in sources:
                self._fetch(source)
                if self._cancelled:
                    break
            else:
                self._observers.notify(ReceivedAll(self._clock.now()))
                self._on_sent()  # there may have been no request at all
        except VoiceError as error:
            if not self._cancelled:  # a source may stumble over being cancelled
                self._fail(error)
        self._chunks.end()

    def _fetch(self, source: ByteSource) -> None:
        # Set before the flag is read, as `cancel` sets the flag before it reads the source.
        self._source = source
        if self._cancelled:
            return
        self._asked = False
        source.when_sent(self._sent)
        if isinstance(source, Connecting):
            source.when_connected(self._connected)
        source.warm()
        attempt = 0
        while not self._cancelled:
            self._asked = True
            self._observers.notify(Requested(self._clock.now(), source.label))
            fault = self._stream(source)
            if fault is None:
                return
            wait_s = self._wait_before_retry(fault, attempt)
            if wait_s is None:
                raise fault
            self._observers.notify(Retrying(self._clock.now(), fault, wait_s))
            attempt += 1
            self._pause(wait_s)

    def _stream(self, source: ByteSource) -> VoiceError | None:
        """One attempt. Returns a fault that came before the first byte, raises one after it."""
        started = False
        try:
            self._silence = _Silence(source, self._clock.now(), is_first=True)
            with source:
                self._observers.notify(Answered(self._clock.now(), source.info))
                for chunk in source:
                    self._silence = None  # waiting for room is no silence of the source
                    self._observers.notify(Received(self._clock.now(), chunk))
                    if not started:
                        started = True
                        self._chunks.put(StreamStart(source.info))
                    self._on_bytes(chunk)
                    if not self._chunks.put(chunk, len(chunk)):
                        self._cancelled = True  # whoever closed the handoff wants no more
                        return None
                    self._silence = _Silence(source, self._clock.now(), is_first=False)
                self._silence = None
            if self._cancelled:  # it ended because of that, not because it was over
                return None
            if not started:
                self._chunks.put(StreamStart(source.info))
            self._chunks.put(StreamEnd())
        except VoiceError as error:
            if started or self._cancelled:
                raise
            return error
        finally:
            self._silence = None
        return None

    def _wait_before_retry(self, error: VoiceError, attempt: int) -> float | None:
        """Seconds to wait before trying again, None where it is no use."""
        if not (isinstance(error, SourceError) and error.retryable):
            return None
        if attempt >= self._limits.retries:
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

    def _connected(self) -> None:
        self._observers.notify(Connected(self._clock.now()))

    def _sent(self) -> None:
        if self._asked:  # a source with nothing to send says so while it warms up
            self._observers.notify(RequestSent(self._clock.now()))
        self._on_sent()

    def check_deadline(self) -> float | None:
        """Give up a source that has been silent for too long.

        Returns the seconds until this should be called again, None for no need.
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
        self._fail(
            SourceTimeout(
                f"{silence.source.label} {what} for {limit_s:g} s",
                remedy="--timeout sets how long to wait",
            )
        )
        self._chunks.end()  # not left to the source, which may be slow to notice
        self.cancel()
        return None

    def cancel(self) -> None:
        """Stop soon; idempotent."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        if self._source is not None:
            self._source.cancel()
