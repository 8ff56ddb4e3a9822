"""Play an answer in simulation, as fast as it arrives.

A session plays in real time, on threads. Here one thread fetches, decodes, and writes to
an ideal device whose waits only move its clock: audio that arrives faster than it plays is
processed as fast as it arrives. Fetcher, renderer and sink are the session's own, so the
figures are those of a session on the ``null`` device with the same arrivals.
"""

from __future__ import annotations

import os
from contextlib import closing
from math import inf
from typing import TYPE_CHECKING

from voicecli.bench.speech import SpeechRun
from voicecli.errors import BadResponse, VoiceError
from voicecli.playback.null import NullSink
from voicecli.session.fetcher import Fetcher, FetchLimits
from voicecli.session.items import StreamEnd
from voicecli.session.playback_events import PlaybackEvents
from voicecli.session.renderer import Renderer
from voicecli.telemetry.events import Decoded, Failed, StateChanged
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
    from voicecli.session.stream_decoder import MakeDecoder
    from voicecli.session.utterance import Failure
    from voicecli.sources.base import Source
    from voicecli.telemetry.events import Event
    from voicecli.telemetry.observers import Observer

MAX_AUDIO_S = 3600.0
"""Upper bound on an answer. Playback slows an endless one down in a session, but not here."""

MAX_CHUNKS = 1_000_000
"""Upper bound on the chunks of an answer; the time of each is kept."""


def simulate(
    source: Source,
    *,
    clock: Clock,
    policy: Policy,
    run_id: str | None = None,
    observers: Iterable[Observer] = (),
) -> SpeechRun:
    """Fetch and decode one source to its end, and return how it would have been heard.

    Takes as long as the source does. There are no retries and no deadlines but the
    source's own. ``observers`` get the events of a session, except `Waited` and `Progressed`,
    on the calling thread.

    Raises:
        SourceError: the bytes did not arrive, or are not speech.
        DecodeError: they cannot be decoded.
        ConfigError: the source cannot be used at all.
    """
    run_id = run_id or os.urandom(6).hex()
    recorder = Recorder(run_id)
    notified = Observers([recorder, *observers])
    playback = SimulatedPlayback(clock, policy, notified)
    fetcher = Fetcher(FetchLimits(first_byte_s=None, stall_s=None, retries=0), clock, notified)
    playback.play(fetcher.items([source]))
    spoken_s = playback.conclude()
    if playback.error is not None:
        raise playback.error
    return SpeechRun.of(recorder, spoken_s=spoken_s)


class CostlessRecorder(Recorder):
    """A recorder that ignores the cost of decoding, which differs from run to run."""

    def __call__(self, event: Event, /) -> None:
        """Record an event."""
        super().__call__(event._replace(cpu_s=0.0) if isinstance(event, Decoded) else event)


class SimulatedPlayback:
    """One answer on an ideal device; used once, by one thread: `play`, then `conclude`.

    ``error`` is the first error.
    """

    def __init__(
        self,
        clock: Clock,
        policy: Policy,
        observers: Observers,
        *,
        make_decoder: MakeDecoder | None = None,
    ) -> None:
        self._clock = clock
        self._device_clock = _DeviceClock(clock)
        self._policy = policy
        self._observers = observers
        self._make_decoder = make_decoder
        self._lifecycle = Lifecycle()
        self._renderer: Renderer | None = None
        self._audio_s = 0.0
        self.error: VoiceError | None = None
        self._advance(State.CONNECTING)

    def play(self, items: Generator[Item, None, None]) -> None:
        """Decode and play what a `Fetcher` yields; closes ``items``.

        Each item is taken once the one before it was decoded. An error, of the
        items or of the decoder, is kept; what came before it is played.
        """
        with closing(items):
            self._renderer = Renderer(
                _PulledItems(items, self._fail),
                self._open_sink,
                self._device_clock,
                self._observers,
                fail=self._fail,
                on_pcm=self._check_length,
                make_decoder=self._make_decoder,
            )
            self._renderer.run()
            self._renderer.drain()

    def interrupt(self) -> None:
        """Stop the sound at the clock's time, even sound played ahead of it; idempotent."""
        if self._lifecycle.is_final:
            return
        self._device_clock.forget()
        if self._renderer is not None:
            self._renderer.abort()
        self._advance(State.CANCELLED)

    def conclude(self) -> float:
        """Report the end; return the seconds that were heard."""
        spoken_s = 0.0
        sink = self._renderer.sink if self._renderer else None
        if sink is not None:
            report = sink.report()
            spoken_s = sink.format.duration_s(report.heard_frames)
            PlaybackEvents(self._observers).conclude(report, self._device_clock.now())
        if not self._lifecycle.is_final:
            self._advance(State.DRAINING)
            self._advance(State.FAILED if self.error else State.DONE)
        return spoken_s

    def _open_sink(self, wanted: AudioFormat, /, *, is_pcm: bool) -> NullSink:  # noqa: ARG002  OpenSink
        return NullSink(wanted, self._policy, self._device_clock)

    def _check_length(self, block: Pcm) -> None:
        self._audio_s += block.duration_s
        if self._audio_s > MAX_AUDIO_S:
            raise BadResponse(f"the answer is longer than {MAX_AUDIO_S / 60:.0f} minutes")

    def _fail(self, error: VoiceError) -> None:
        if self.error is None:
            self.error = error
            self._observers.notify(Failed(self._clock.now(), error))

    def _advance(self, following: State) -> None:
        left = self._lifecycle.advance(following)
        self._observers.notify(StateChanged(self._device_clock.now(), left, following))


class _DeviceClock:
    """The clock of a simulated device: a wait moves it forward and returns.

    The underlying clock runs on meanwhile, and leads again once it has caught up. So a
    block held up by a full device is late here as well, while bytes arrive as before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited_until = -inf

    def now(self) -> float:
        return max(self._clock.now(), self._waited_until)

    def wall(self) -> float:
        return self._clock.wall()

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:  # noqa: ARG002
        assert timeout_s is not None, "a wait without an end"
        self._waited_until = self.now() + timeout_s
        return False

    def forget(self) -> None:
        """Follow the underlying clock again."""
        self._waited_until = -inf


class _PulledItems:
    """Items that are fetched when the renderer takes them; see `renderer.Items`."""

    def __init__(
        self, items: Generator[Item, None, None], fail: Callable[[VoiceError], None]
    ) -> None:
        self._items = items
        self._fail = fail
        self._chunks = 0

    def take(self) -> list[Item]:
        taken: list[Item] = []
        try:
            taken.append(next(self._items))
            if isinstance(taken[0], bytes):
                self._chunks += 1
                if self._chunks > MAX_CHUNKS:
                    self._fail(BadResponse(f"the answer has more than {MAX_CHUNKS:,} chunks"))
                    return []
            elif isinstance(taken[0], StreamEnd):
                # The fetcher reports what follows the end, whether or not it decodes.
                taken.append(next(self._items))
        except StopIteration:
            pass
        except VoiceError as error:
            self._fail(error)
        return taken

    def recover(self, failure: Failure) -> bool:  # noqa: ARG002  one answer is simulated
        return False

    def close(self) -> None:
        self._items.close()
