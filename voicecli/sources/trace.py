"""The bytes of a recorded answer, as they came."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from voicecli.errors import ConfigError, SourceError
from voicecli.sources.base import SourceInfo
from voicecli.telemetry.trace.lines import REQUEST_SENT, Answer, Chunk, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.telemetry.trace import Trace
    from voicecli.telemetry.trace.lines import OfSource


class TraceSource:
    """Says a trace again: its bytes, and what became of its request, at the recorded times.

    Times count from entering, on ``clock``: with the machine's in real time, with
    a `VirtualClock` in none. Where the recorded run made several requests, all
    their bytes come as one stream. Raises when the recording has no more bytes
    and the answer had: what was raised then, or that the trace ends.

    Raises:
        ConfigError: the trace was recorded without its audio.
    """

    def __init__(self, trace: Trace, clock: Clock) -> None:
        if not trace.header.has_audio:
            raise ConfigError(
                "the trace holds no audio", remedy="--trace-audio records it with its audio"
            )
        self._trace = trace
        self._clock = clock
        self._changed = threading.Condition()
        self._cancelled = False
        self._sent: Callable[[], None] = _nothing
        self._connected: Callable[[], None] = _nothing
        self._entered_at = 0.0
        self._lines: Iterator[OfSource] = iter(())
        self._info = SourceInfo(trace.header.format)

    @property
    def info(self) -> SourceInfo:
        """What was known of the recorded bytes."""
        return self._info

    @property
    def label(self) -> str:
        """Where the recorded bytes came from."""
        return self._trace.header.endpoint

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Set what to call each time that a connection stood."""
        self._connected = callback

    def when_sent(self, callback: Callable[[], None]) -> None:
        """Set what to call when the request had left; while warming, where none was sent."""
        self._sent = callback

    def warm(self) -> None:
        """Nothing to load."""
        if not self._trace.tells(REQUEST_SENT):
            self._sent()

    def __enter__(self) -> Self:
        """Wait for the answer.

        Raises:
            SourceError: it never came, or was not waited for.
        """
        self._entered_at = self._clock.now()
        self._lines = self._trace.of_source
        for line in self._due():
            if isinstance(line, Answer):
                return self
        raise self._fault() or SourceError("cancelled before the answer came")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lines = iter(())

    def __iter__(self) -> Iterator[bytes]:
        """Yield the recorded chunks.

        Raises:
            SourceError: the flow broke, then or in the recording.
        """
        self._info = info_of_audio(self._info)
        for line in self._due():
            if isinstance(line, Chunk):
                assert line.audio is not None, "a trace with audio has it in every line"
                yield line.audio
        if (fault := self._fault()) is not None:
            raise fault

    def _due(self) -> Iterator[OfSource]:
        """The next lines, each at its time and told; none once cancelled."""
        for line in self._lines:
            if not self._wait_until(line.ms):
                return
            if isinstance(line, Answer):
                self._info = info_of(line)
            elif isinstance(line, Event) and line.name == REQUEST_SENT:
                self._sent()
            elif isinstance(line, Event) and line.name == "connected":
                self._connected()
            yield line

    def _wait_until(self, ms: float) -> bool:
        """Wait for a time of the trace; False once cancelled."""
        at = self._entered_at + ms / 1e3
        with self._changed:
            while not self._cancelled and (left_s := at - self._clock.now()) > 0:
                self._clock.wait(self._changed, left_s)
            return not self._cancelled

    def _fault(self) -> VoiceError | None:
        """Why nothing more comes, at its time; None where there is nothing more, or once cancelled.

        What broke the recorded run off need not have been its source.
        """
        missing = self._trace.missing()
        if missing is None or not self._wait_until(self._trace.ends_ms):
            return None
        if isinstance(missing, SourceError):
            return missing
        return SourceError(f"the trace ends where its run failed: {missing.message}")

    def cancel(self) -> None:
        """Stop at once; any thread."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()


def info_of(answer: Answer) -> SourceInfo:
    """What a source knew when it was answered so."""
    return SourceInfo(answer.requested, answer.content_type, answer.rate_hz, answer.channels)


def info_of_audio(info: SourceInfo) -> SourceInfo:
    """The same of the recorded bytes: what came as events was recorded without them."""
    is_events = (info.content_type or "").lower().startswith("text/event-stream")
    return info._replace(content_type=None) if is_events else info


def _nothing() -> None:
    """Stand in for a callback that nobody set."""
