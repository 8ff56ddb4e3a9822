"""Hearing an answer without waiting for it to sound.

A session plays in real time, on threads. Here one thread fetches, decodes and
lays the frames on the timeline of an ideal device, whose waits are booked and
not waited for: what comes faster than it sounds is done as fast as it comes.
The stages are the session's own (`Renderer`, `NullSink`), so the figures are
those of a session with the ``null`` device and the same arrivals.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from voicecli.bench.speech import SpeechRun
from voicecli.clock import Deadline
from voicecli.errors import BadResponse, VoiceError
from voicecli.playback.null import NullSink
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.session.playback_events import PlaybackEvents
from voicecli.session.renderer import Renderer
from voicecli.sources.base import Connecting
from voicecli.telemetry.events import (
    Answered,
    Connected,
    Decoded,
    Failed,
    Received,
    ReceivedAll,
    Requested,
    RequestSent,
    StateChanged,
)
from voicecli.telemetry.lifecycle import Lifecycle, State
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.observers import Observers

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable

    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.clock import Clock
    from voicecli.playback.policy import Policy
    from voicecli.session.items import Item
    from voicecli.sources.base import ByteSource
    from voicecli.telemetry.events import Event
    from voicecli.telemetry.observers import Observer

MOST_AUDIO_S = 3600.0
"""Longest answer: a session that gets an endless one is slowed by its sound, this is not."""

MOST_CHUNKS = 1_000_000
"""Most pieces of an answer; the time of each is kept."""


def audition(
    source: ByteSource,
    *,
    clock: Clock,
    policy: Policy,
    run_id: str | None = None,
    observers: Iterable[Observer] = (),
    measures_cpu: bool = True,
) -> SpeechRun:
    """Fetch one source to its end, decode it, and tell how it would have been heard.

    Takes as long as the source does. There are no retries, and how long the
    source may be silent is its own matter. ``observers`` are told what a session
    would tell them, ``progressed`` apart, on the calling thread. Without
    ``measures_cpu``, ``decode_ms`` is 0.

    Raises:
        SourceError: the bytes did not come, or are no speech.
        DecodeError: they cannot be decoded.
        ConfigError: the source cannot even be asked.
    """
    run_id = run_id or os.urandom(6).hex()
    recorder = Recorder(run_id) if measures_cpu else CostlessRecorder(run_id)
    told = Observers([recorder, *observers])
    hearing = IdealHearing(clock, policy, told)
    hearing.hear(_fetched(source, clock, told))
    spoken_s = hearing.conclude()
    if hearing.error is not None:
        raise hearing.error
    return SpeechRun.of(recorder, spoken_s=spoken_s)


class CostlessRecorder(Recorder):
    """A recorder to which decoding costs nothing: no two runs take the same time for it."""

    def __call__(self, event: Event, /) -> None:
        """Count a block, not its cost."""
        super().__call__(replace(event, cpu_s=0.0) if isinstance(event, Decoded) else event)


class IdealHearing:
    """One answer on an ideal device; used once, by one thread.

    In this order: `hear`, or any number of `take` and one `end`; then `conclude`.
    ``error`` is the first thing that went wrong.
    """

    def __init__(self, clock: Clock, policy: Policy, observers: Observers) -> None:
        self._clock = clock
        self._pace = _Pace(clock)
        self._policy = policy
        self._observers = observers
        self._lifecycle = Lifecycle()
        self._renderer: Renderer | None = None
        self._sink: NullSink | None = None
        self._audio_s = 0.0
        self._taken_frames = 0
        self.error: VoiceError | None = None
        self._advance(State.CONNECTING)

    def hear(self, items: Generator[Item, None, None]) -> None:
        """Decode and play what a `Fetcher` would hand on; closes ``items``.

        Items are asked for one by one, each when the one before it was decoded. An
        error that they raise is kept, as is one of the decoder; the rest plays.
        """
        with contextlib.closing(items):
            self._renderer = Renderer(
                _Asked(items, self.fail),
                self._open,
                self._pace,
                self._observers,
                on_pcm=self._count,
                fail=self.fail,
            )
            self._renderer.run()
            self._renderer.drain()

    def take(self, block: Pcm) -> None:
        """Play a block that somebody else decoded; of its samples, only how many there are counts.

        Raises:
            BadResponse: it is too much.
        """
        self._count(block)
        self._observers.notify(Decoded(self._pace.now(), block, 0.0))
        sink = self._sink
        if sink is None:
            sink = self._open(block.format, is_pcm=False)
            sink.start()
        due_frames = sink.format.frames(self._audio_s)  # of a block at another rate, too
        sink.write(np.broadcast_to(np.int16(0), (due_frames - self._taken_frames, 1)))
        self._taken_frames = due_frames

    def end(self) -> None:
        """Say that no block follows."""
        if self._sink is not None:
            self._sink.end_input()
            self._sink.drain(Deadline(self._pace, None))

    def _open(self, format: AudioFormat, /, *, is_pcm: bool) -> NullSink:  # noqa: ARG002  see `OpenSink`
        self._sink = NullSink(format, self._policy, self._pace)
        return self._sink

    def fail(self, error: VoiceError) -> None:
        """Keep the first error, and tell it."""
        if self.error is None:
            self.error = error
            self._observers.notify(Failed(self._clock.now(), error))

    def interrupt(self) -> None:
        """Silence from the clock's time on, also of what was played ahead of it; idempotent."""
        if self._lifecycle.is_final:
            return
        self._pace.forget()
        if self._renderer is not None:
            self._renderer.abort()
        elif self._sink is not None:
            self._sink.abort()
        self._advance(State.CANCELLED)

    def conclude(self) -> float:
        """Tell how it ended; returns the seconds that were heard."""
        spoken_s = 0.0
        if self._sink is not None:
            report = self._sink.report()
            spoken_s = self._sink.format.duration_s(report.heard_frames)
            PlaybackEvents(self._observers).conclude(report, self._pace.now())
        if not self._lifecycle.is_final:
            self._advance(State.DRAINING)
            self._advance(State.FAILED if self.error else State.DONE)
        return spoken_s

    def _count(self, block: Pcm) -> None:
        self._audio_s += block.duration_s
        if self._audio_s > MOST_AUDIO_S:
            raise BadResponse(f"the answer is longer than {MOST_AUDIO_S / 60:.0f} minutes")

    def _advance(self, following: State) -> None:
        left = self._lifecycle.advance(following)
        self._observers.notify(StateChanged(self._pace.now(), left, following))


class _Pace:
    """The clock of a device that nobody waits for: a wait moves it and is over.

    The clock below it goes on meanwhile, and leads again once it has come as far:
    so a block that a full device would have held up is late here as well, while
    bytes go on arriving when they arrive.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited_until = -inf

    def now(self) -> float:
        return max(self._clock.now(), self._waited_until)

    def wall(self) -> float:
        return self._clock.wall()

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:  # noqa: ARG002
        assert timeout_s is not None, "a wait that nobody would end"
        self._waited_until = self.now() + timeout_s
        return False

    def forget(self) -> None:
        """Go by the clock below again."""
        self._waited_until = -inf


class _Asked:
    """Items that are fetched when the renderer asks for them."""

    def __init__(
        self, items: Generator[Item, None, None], fail: Callable[[VoiceError], None]
    ) -> None:
        self._items = items
        self._fail = fail

    def take(self) -> list[Item]:
        """The next item; none at the end, and after an error, which is told."""
        try:
            return [next(self._items)]
        except StopIteration:
            return []
        except VoiceError as error:
            self._fail(error)
            return []

    def close(self) -> None:
        """Leave the source."""
        self._items.close()


def _fetched(source: ByteSource, clock: Clock, observers: Observers) -> Generator[Item, None, None]:
    """What a `Fetcher` hands on, and tells, of one source; the request leaves with the first."""
    asked = False

    def sent() -> None:
        if asked:  # a source with nothing to send says so while it warms up
            observers.notify(RequestSent(clock.now()))

    source.when_sent(sent)
    if isinstance(source, Connecting):
        source.when_connected(lambda: observers.notify(Connected(clock.now())))
    source.warm()
    asked = True
    observers.notify(Requested(clock.now(), source.label))
    chunks = 0
    with source:
        observers.notify(Answered(clock.now(), source.info))
        for chunk in source:
            observers.notify(Received(clock.now(), chunk))
            if not chunks:
                yield StreamStart(source.info)
            chunks += 1
            if chunks > MOST_CHUNKS:
                raise BadResponse(f"the answer comes in more than {MOST_CHUNKS:,} pieces")
            yield chunk
    if not chunks:
        yield StreamStart(source.info)
    observers.notify(ReceivedAll(clock.now()))
    yield StreamEnd()
