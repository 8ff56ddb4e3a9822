"""`Session`: knows how a run stands, and what follows from what its threads report.

::

    source thread    Fetcher   request → bytes ─┐
                                                ▼  Channel
    decoder thread   Renderer  bytes → samples → sink
    device thread    Outlet    loads PortAudio while the server thinks
    saving thread    RecordingThread    samples → disk
    (writer thread, PortAudio's callback: the sink's)

They all report to a mailbox. The session's own thread, the one that calls `run`,
reads it, moves the state, keeps the first error and enforces the deadlines.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.clock import SystemClock
from voicecli.errors import UnsupportedFormat
from voicecli.playback.base import SinkReport
from voicecli.playback.output import Speaker
from voicecli.recording.saver import SaveReport
from voicecli.session.channel import Channel
from voicecli.session.fetcher import Fetcher, Item
from voicecli.session.messages import Defect, Event, Failed, Mailbox
from voicecli.session.outlet import Outlet
from voicecli.session.playback_events import PlaybackEvents
from voicecli.session.recording_thread import RecordingThread
from voicecli.session.renderer import Renderer
from voicecli.session.settings import SessionResult, SessionSettings
from voicecli.session.thread_group import ThreadGroup
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import Lifecycle, State
from voicecli.telemetry.observers import Observers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.recording.saver import Saver
    from voicecli.session.messages import Message
    from voicecli.sources.base import ByteSource
    from voicecli.telemetry.observers import Observer

CHUNK_BACKLOG_BYTES = 4 * 1024 * 1024
"""Received bytes that may wait for the decoder before the socket is left to fill."""

TICK_S = 0.1
"""How often playback is looked at while nothing reports."""

_JOIN_S = 5.0
"""How long all threads together may take to end, once they were told to."""

_LEAVE_S = 1.0
"""The same once the run was cancelled: who waits for a name or a connection cannot be woken."""


class Session:
    """Speaks sources, one after another, into one sink; used once.

    `run` blocks until the last frame was heard. `cancel` may be called from any
    thread and from a signal handler. Nothing is shared between sessions: any
    number may run in a process, one after another or at once.
    """

    def __init__(
        self,
        settings: SessionSettings | None = None,
        *,
        observers: Iterable[Observer] = (),
        saver: Saver | None = None,
        clock: Clock | None = None,
    ) -> None:
        settings = settings or SessionSettings()
        self._settings = settings
        self._clock = clock or SystemClock()
        self._mailbox = Mailbox()
        self._observers = Observers(observers)
        self._playback_events = PlaybackEvents(self._observers)
        self._lifecycle = Lifecycle()
        self._crew = ThreadGroup(self._mailbox.end)
        self._chunks: Channel[Item] = Channel(CHUNK_BACKLOG_BYTES)
        self._keeper = RecordingThread(saver, self._is_mute) if saver else None
        self._outlet = Outlet(
            Speaker(settings.speaker, self._clock, self.spawn),
            without_device=settings.without_device,
        )
        self._sent = threading.Event()
        self._fetcher = Fetcher(
            self._chunks,
            settings.limits,
            self._clock,
            self._observers,
            on_sent=self._sent.set,
            on_bytes=self._on_bytes,
            fail=self._mailbox.fail,
        )
        self._renderer = Renderer(
            self._chunks,
            self._outlet.open,
            self._clock,
            self._observers,
            volume=settings.volume,
            on_pcm=self._keeper.pcm if self._keeper else _ignore,
            on_draining=lambda: self._mailbox.put(Event.DRAINING),
            fail=self._mailbox.fail,
        )
        self._error: VoiceError | None = None
        self._interrupted_at: float | None = None
        self._cancel_asked = False
        self._seen_bytes = False

    @property
    def state(self) -> State:
        """Where the session is; any thread."""
        return self._lifecycle.state

    def cancel(self) -> None:
        """Silence as soon as possible; any thread, any signal handler, any number of times.

        Before `run` it means that nothing will be asked for; after it, nothing.
        """
        self._cancel_asked = True
        self._mailbox.put(Event.CANCELLED)

    def spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread that the session joins; for sources and sinks that need one."""
        return self._crew.spawn(work, name)

    def run(self, sources: Iterable[ByteSource]) -> SessionResult:
        """Speak the sources to the end; from the thread that made the session.

        Faults of the outside world are in the result; only defects raise. Either
        way the threads are joined and the files finished by then. An iterable
        that blocks cannot be woken: cancelled, its thread is left to itself after
        some seconds.
        """
        self._advance(State.CONNECTING)
        try:
            if not self._cancel_asked:
                self._start(sources)
            self._coordinate()
        except BaseException:
            self._renderer.abort()
            if not self._lifecycle.is_final:
                self._advance(State.FAILED)
            raise
        finally:
            self._stop()
            self._join()
            result = self._conclude()
            self._observers.clear()
        self._raise_late_defect()
        return result

    def _start(self, sources: Iterable[ByteSource]) -> None:
        self.spawn(lambda: self._fetcher.run(sources), "voicecli-source")
        self.spawn(self._render, "voicecli-decoder")
        self.spawn(self._prepare_device, "voicecli-device")
        if self._keeper:
            self._keeper.start(self.spawn)

    # What the threads do beside their own modules' work.

    def _on_bytes(self, data: bytes) -> None:
        """Note the first bytes, keep them all [source]."""
        if not self._seen_bytes:
            self._seen_bytes = True
            self._mailbox.put(Event.FIRST_BYTES)
        if self._keeper:
            self._keeper.raw(data)

    def _render(self) -> None:
        self._sent.wait()  # the request must not wait for the decoder's imports
        if self._settings.expected_format and not self._is_lost:
            from voicecli.codecs.decoding.auto import preload  # noqa: PLC0415  numpy comes with it

            # What comes may need another decoder; whether this one was needed shows then.
            with suppress(UnsupportedFormat):
                preload(self._settings.expected_format)
        self._renderer.run()
        self._mailbox.put(Event.RENDERED)

    @property
    def _is_lost(self) -> bool:
        """Whether it is over before it began, and loading for it would only take time."""
        return self._lifecycle.is_final or self._error is not None

    def _is_mute(self) -> bool:
        """Whether nothing is to be heard, so that the disk may set the pace."""
        return self._settings.speaker.output == "discard" or self._outlet.no_device is not None

    def _prepare_device(self) -> None:
        self._sent.wait()
        if self._is_lost:
            self._outlet.skip()
        else:
            self._outlet.prepare()

    # The session's own thread.

    def _coordinate(self) -> None:
        while not self._lifecycle.is_final:
            limit_s = self._fetcher.check_deadline()
            self._handle(self._mailbox.get(min(TICK_S, limit_s or TICK_S)))
            self._look_at_playback()

    def _handle(self, message: Message | None) -> None:
        if isinstance(message, Defect):
            raise message.error
        if isinstance(message, Failed):
            self._fail(message)
        elif message is Event.CANCELLED:
            self._interrupted_at = self._clock.now()
            self._renderer.abort()
            self._advance(State.CANCELLED)
        elif message is Event.FIRST_BYTES:
            self._advance(State.BUFFERING)
        elif message is Event.DRAINING:
            self._advance(State.DRAINING)
        elif message is Event.RENDERED:
            if self.state is not State.DRAINING:  # there was nothing to play
                self._advance(State.DRAINING)
            self._advance(State.DONE if self._error is None else State.FAILED)

    def _fail(self, failed: Failed) -> None:
        """Keep the first error; a fatal one ends the sound, others let it run out."""
        if self._error is None:
            self._error = failed.error
            self._observers.notify(events.Failed(self._clock.now(), failed.error))
        self._fetcher.cancel()
        self._sent.set()
        if failed.fatal:
            self._renderer.abort()
            self._advance(State.FAILED)

    def _look_at_playback(self) -> None:
        sink = self._renderer.sink
        if self._lifecycle.is_final:
            return
        if sink is None:
            self._observers.notify(events.Waited(self._clock.now()))
            return
        snapshot = sink.snapshot()
        if snapshot.playing and self.state in {State.BUFFERING, State.REBUFFERING}:
            if not snapshot.rebuffering:
                self._advance(State.PLAYING)
        elif snapshot.rebuffering and self.state is State.PLAYING:
            self._advance(State.REBUFFERING)
        self._playback_events.follow(sink.report())
        self._observers.notify(events.Progressed(self._clock.now(), snapshot))

    def _stop(self) -> None:
        """Let every thread come to its end."""
        self._fetcher.cancel()
        self._chunks.close()
        self._sent.set()

    def _join(self) -> None:
        is_cancelled = self.state is State.CANCELLED
        saving = self._keeper.thread if self._keeper else None
        self._crew.join(_LEAVE_S if is_cancelled else _JOIN_S, but=saving)
        if self._renderer.sink is not None:
            self._renderer.sink.close()

    def _conclude(self) -> SessionResult:
        report, spoken_s = SinkReport(), 0.0
        sink = self._renderer.sink
        if sink is not None:
            report = sink.report()
            spoken_s = sink.format.duration_s(report.heard_frames)
            self._playback_events.conclude(report, self._clock.now())
        return SessionResult(
            state=self.state,
            report=report,
            saves=self._finish_saving(spoken_s),
            error=self._error,
            interrupted_at=self._interrupted_at,
            no_device=self._outlet.no_device,
            spoken_s=spoken_s,
        )

    def _finish_saving(self, spoken_s: float) -> SaveReport:
        if self._keeper is None:
            return SaveReport()
        return self._keeper.finish(self._heard_frames(spoken_s), self._renderer.name)

    def _raise_late_defect(self) -> None:
        """Raise what broke while the threads were ending."""
        for message in self._mailbox.rest():
            # A source may stumble over being cancelled; nothing else may.
            if isinstance(message, Defect) and self.state is not State.CANCELLED:
                raise message.error

    def _heard_frames(self, spoken_s: float) -> int | None:
        """Where to cut the recording: at what was heard, if the run was cut short."""
        first = self._renderer.first_format
        if self._interrupted_at is None or first is None:
            return None
        return first.frames(spoken_s)

    def _advance(self, following: State) -> None:
        left = self._lifecycle.advance(following)
        self._observers.notify(events.StateChanged(self._clock.now(), left, following))


def _ignore(_: object) -> None:
    """Nobody keeps the samples."""
