"""`Session`: starts the threads of a run, and decides what follows from their messages.

::

    source thread    Prefetcher   takes utterances, a few ahead of the sound
    fetch threads    Fetcher      request → bytes ─┐  one for each utterance
                                                   ▼  Channel
    decoder thread   Renderer     bytes → samples → sink
    device thread    Output       loads PortAudio while the server thinks
    saving thread    RecordingThread   samples → disk
    (writer thread, PortAudio's callback: the sink's)

They all report to a mailbox. The session's own thread, which calls `run`, reads
it, moves the state, keeps the first error and enforces the deadlines.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from voicecli.clock import SystemClock
from voicecli.errors import DeviceError
from voicecli.playback.base import SinkReport
from voicecli.session import messages
from voicecli.session.control import Control
from voicecli.session.playback_events import PlaybackEvents
from voicecli.session.prefetch import Prefetcher
from voicecli.session.recording_thread import RecordingThread
from voicecli.session.renderer import Renderer
from voicecli.session.requests import Requests
from voicecli.session.seams import Seams
from voicecli.session.settings import SessionResult, SessionSettings
from voicecli.session.stream_decoder import preload_decoder
from voicecli.session.thread_group import ThreadGroup
from voicecli.session.turn import NoTurn, SoundTurn
from voicecli.telemetry import events
from voicecli.telemetry.lifecycle import Lifecycle, State
from voicecli.telemetry.observers import Observers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voicecli.clock import Clock
    from voicecli.errors import VoiceError
    from voicecli.playback.history import History
    from voicecli.playback.output import Output
    from voicecli.recording.saver import Saver, SaveReport
    from voicecli.session.pace import Pace
    from voicecli.session.utterance import Utterance
    from voicecli.sources.base import Source
    from voicecli.telemetry.observers import Observer

TICK_S = events.PROGRESS_S  # how often playback is checked while there are no messages
_JOIN_S = 5.0  # how long all threads together may take to end once they were stopped
_LEAVE_S = 0.3  # shorter after `Session.cancel`: some threads cannot be woken


class Session:
    """Speaks utterances, one after another, into one sink; used once.

    `run` blocks until the last frame was heard. `cancel` may be called from any
    thread and from a signal handler. Sessions share nothing but the ``output``
    they are given: any number may run in a process, one after another or at once.
    A run that was heard to its end is added to ``history``, unless others spoke than that is
    about. ``pace`` measures the segments of a text. ``control`` pauses, skips and goes back.
    """

    def __init__(
        self,
        output: Output,
        settings: SessionSettings | None = None,
        *,
        history: History | None = None,
        observers: Iterable[Observer] = (),
        saver: Saver | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
        turn: SoundTurn | None = None,
    ) -> None:
        self._output = output
        self._turn = turn or NoTurn()
        self._settings = settings = settings or SessionSettings()
        self._history = history
        self._clock = clock or SystemClock()
        self._mailbox = messages.Mailbox()
        self._observers = Observers(observers)
        self._playback_events = PlaybackEvents(self._observers)
        self._lifecycle = Lifecycle()
        self._threads = ThreadGroup(self._mailbox.report_exception)
        self._recording = RecordingThread(saver, lambda: output.is_silent) if saver else None
        self._sent = threading.Event()
        requests = Requests(
            settings.limits,
            self._clock,
            self._observers,
            self._mailbox,
            on_sent=self._sent.set,
            on_bytes=self._recording.raw if self._recording else None,
            history=history,
        )
        self._fetches = Prefetcher(requests, self.spawn, pace)
        self._renderer = Renderer(
            self._fetches,
            partial(output.open, clock=self._clock, spawn=self.spawn, history=history),
            self._clock,
            self._observers,
            fail=self._mailbox.fail,
            volume=settings.volume,
            on_pcm=self._recording.pcm if self._recording else None,
            seams=Seams(self._observers, self._clock, settings.pauses, pace),
            turn=self._turn,
        )
        self.control = Control(self._renderer, self._fetches)
        self._observers.add(self.control.text)
        self._error: VoiceError | None = None
        self._interrupted_at: float | None = None
        self._cancel_asked = False

    @property
    def state(self) -> State:
        """Where the session is; any thread."""
        return self._lifecycle.state

    def cancel(self) -> None:
        """Stop the sound as soon as possible; any thread or signal handler, idempotent.

        Before `run`, it keeps that from making a request; afterwards it has no effect.
        """
        self._cancel_asked = True
        self._mailbox.put(messages.Cancelled())

    def spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread that the session joins; for sources and sinks that need one."""
        return self._threads.spawn(work, name)

    def preload(self) -> None:
        """Load decoders and the device now, since no request is about to leave; any thread."""
        self._sent.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be requested; any thread."""
        return self._is_lost or self._cancel_asked

    def heard_s(self) -> float:
        """Return the seconds of sound that were heard so far; any thread."""
        return self.control.status().heard_s

    def run(self, utterances: Iterable[Utterance | Source]) -> SessionResult:
        """Speak the utterances to the end; from the thread that made the session.

        They are taken on another thread, one by one as requests may leave; while one of
        them blocks, that thread cannot be woken, and is left behind. A bare source is sound
        without a text. Failures outside the program are in the result, only bugs raise. In
        both cases the threads have been joined and the files finished.
        """
        self._advance(State.CONNECTING)
        try:
            if not self._cancel_asked:
                self._start(utterances)
            self._coordinate()
        except BaseException:
            self._renderer.abort()
            if not self._lifecycle.is_final:
                self._advance(State.FAILED)
            raise
        finally:
            self._stop_threads()
            result = self._conclude()
            self._observers.clear()
        if self.state is not State.CANCELLED:  # a source may fail while being cancelled
            self._mailbox.raise_internal_error()
        return result

    def _start(self, utterances: Iterable[Utterance | Source]) -> None:
        self.spawn(lambda: self._fetches.run(utterances), "voicecli-source")
        self.spawn(self._render, "voicecli-decoder")
        self.spawn(self._prepare_device, "voicecli-device")
        if self._recording:
            self._recording.start(self.spawn)

    # Other threads:
    def _render(self) -> None:
        self._sent.wait()  # the request must not wait for the decoder's imports
        if self._settings.expected_format and not self._is_lost:
            preload_decoder(self._settings.expected_format)
        self._renderer.run()
        self._mailbox.put(messages.Draining())
        self._renderer.drain()
        self._mailbox.put(messages.Rendered())

    @property
    def _is_lost(self) -> bool:
        """Whether the run has failed or ended already, so that loading is a waste of time."""
        return self._lifecycle.is_final or self._error is not None

    def _prepare_device(self) -> None:
        self._sent.wait()
        if not self._is_lost:
            self._output.prepare(self._history)

    # The session's own thread:
    def _coordinate(self) -> None:
        while not self._lifecycle.is_final:
            limit_s = self._fetches.check_deadline()
            self._handle(self._mailbox.get(min(TICK_S, limit_s or TICK_S)))
            self._check_playback()

    def _handle(self, message: messages.Message | None) -> None:
        match message:
            case messages.InternalError(error):
                raise error
            case messages.Failed():
                self._fail(message)
            case messages.Cancelled():
                self._interrupted_at = self._clock.now()
                self.spawn(self._renderer.abort, "voicecli-abort")  # a sound server may hang
                self._advance(State.CANCELLED)
            case messages.FirstBytes():
                self._advance(State.BUFFERING)
            case messages.Draining():
                self._advance(State.DRAINING)
            case messages.Rendered():
                self._advance(State.DONE if self._error is None else State.FAILED)

    def _fail(self, failed: messages.Failed) -> None:
        """Keep the first error; a fatal one stops the sound, others let it play to its end."""
        if isinstance(failed.error, DeviceError):
            self._output.forget_device()
        if self._error is None:
            self._error = failed.error
            self._observers.notify(events.Failed(self._clock.now(), failed.error))
        self._fetches.cancel()
        self._sent.set()
        if failed.fatal:
            self._renderer.abort()
            self._advance(State.FAILED)

    def _check_playback(self) -> None:
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

    def _stop_threads(self) -> None:
        self._turn.release()
        self._fetches.close()
        self._sent.set()
        is_cancelled = self.state is State.CANCELLED
        saving = self._recording.thread if self._recording else None
        self._threads.join(_LEAVE_S if is_cancelled else _JOIN_S, except_for=saving)
        if self._renderer.sink is not None:
            closing = self.spawn(self._renderer.sink.close, "voicecli-close")
            closing.join(_LEAVE_S / 3 if is_cancelled else None)

    def _conclude(self) -> SessionResult:
        report, spoken_s = SinkReport(), 0.0
        sink = self._renderer.sink
        if sink is not None:
            report = sink.report()
            spoken_s = sink.format.duration_s(report.heard_frames)
            self._playback_events.conclude(report, self._clock.now())
        if self._history is not None and self.state is State.DONE:
            self._history.learn(report)
        return SessionResult(
            state=self.state,
            report=report,
            saves=self._finish_saving(self.heard_s()),
            error=self._error,
            interrupted_at=self._interrupted_at,
            no_device=self._output.no_device if sink is not None else None,
            spoken_s=spoken_s,
        )

    def _finish_saving(self, heard_s: float) -> SaveReport:
        if self._recording is None:
            from voicecli.recording.saver import SaveReport  # noqa: PLC0415  after the sound

            return SaveReport()
        format = self._renderer.first_format
        is_cut = self._interrupted_at is not None
        heard_frames = format.frames(heard_s) if is_cut and format else None
        return self._recording.finish(heard_frames, self._renderer.name)

    def _advance(self, following: State) -> None:
        left = self._lifecycle.advance(following)
        self._observers.notify(events.StateChanged(self._clock.now(), left, following))
