"""Sources, sinks, clocks and watchers that do what a test says, when it says so.

Sessions run on real threads, so nothing here sleeps or relies on an order that
threads happen to take: what must come second waits for what must come first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from tests.session.outputs import null_output
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import NetworkError
from voicecli.session import Session, SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.base import AnswerReport, Response, SourceInfo
from voicecli.telemetry.events import StateChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.telemetry.events import Event

RATE_HZ = 8000
FORMAT = AudioFormat(RATE_HZ, 1)
TIMEOUT_S = 20.0
"""How long a test waits for what must happen; reached only by a failing one."""


def sound(seconds: float, value: int = 1000) -> bytes:
    """PCM of FORMAT."""
    return np.full(FORMAT.frames(seconds), value, "<i2").tobytes()


def seen(event: threading.Event) -> None:
    """Wait for an event that has to come."""
    assert event.wait(TIMEOUT_S), "it never happened"


class FakeClock:
    """Time that passes only by `advance`, and by waiting on it.

    A wait of some seconds takes them off the clock and is over. With ``holds`` it
    lasts until it is notified or the clock advances: time stands still.
    """

    def __init__(self, now: float = 1000.0, *, holds: bool = False) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._conditions: list[threading.Condition] = []
        self.holds = holds
        self.waits: list[float | None] = []
        self.waited_on = threading.Event()

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + 1e9

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            waiting = list(self._conditions)
        for condition in waiting:
            with condition:
                condition.notify_all()

    def wait(self, condition: threading.Condition, timeout_s: float | None) -> bool:
        self.waits.append(timeout_s)
        if self.holds:
            with self._lock:
                self._conditions.append(condition)
            self.waited_on.set()
            assert condition.wait(TIMEOUT_S), "it was never notified"
            return True
        assert timeout_s is not None, "a wait without end"
        with self._lock:
            self._now += timeout_s
        return False


class UntilCancelled:
    """A step of a script: nothing more comes. ``raises`` is how the source then ends."""

    def __init__(self, raises: Exception | None = None) -> None:
        self.raises = raises
        self.reached = threading.Event()


class ScriptedSource:
    """A source that follows a script: one list of steps for each attempt.

    Steps: bytes are yielded, an exception is raised, a number advances the clock by
    that many seconds, a callable is called, `UntilCancelled` waits for that. Those
    before ``OPENED``, if it is there, happen while opening, after the request was sent.
    """

    OPENED = object()
    label = "a script"

    def __init__(
        self,
        *attempts: list[object],
        clock: FakeClock | None = None,
        info: SourceInfo | None = None,
        prepares: Callable[[], None] | None = None,
        sends_request: bool = True,
        report: AnswerReport | None = None,
    ) -> None:
        self._attempts = list(attempts)
        self._report = report
        self._clock = clock
        self._prepares = prepares
        self.sends_request = sends_request
        self.info = info or SourceInfo("pcm", None, RATE_HZ, 1)
        self.cancelled = threading.Event()
        self.opened = 0
        self.closed = 0

    def prepare(self) -> None:
        if self._prepares:
            self._prepares()

    def open(self, events=None) -> Response:
        steps = list(self._attempts[min(self.opened, len(self._attempts) - 1)])
        self.opened += 1
        if events is not None and self.sends_request:
            events.sent()
        if self.OPENED in steps:
            opened = steps.index(self.OPENED)
            opening, steps = steps[:opened], steps[opened + 1 :]
            for step in opening:
                assert not isinstance(step, bytes)
                self._take(step)
        return Response(self.info, self._chunks(steps), self._close, report=lambda: self._report)

    def _close(self) -> None:
        self.closed += 1

    def _chunks(self, steps: list[object]):
        for step in steps:
            if isinstance(step, bytes):
                yield step
            else:
                self._take(step)
                if isinstance(step, UntilCancelled):
                    return

    def _take(self, step: object) -> None:
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, UntilCancelled):
            step.reached.set()
            seen(self.cancelled)
            if step.raises:
                raise step.raises
        elif isinstance(step, (int, float)):
            assert self._clock is not None
            self._clock.advance(step)
        else:
            step()

    def cancel(self) -> None:
        self.cancelled.set()


class Watcher:
    """An observer that remembers every event, and lets a test wait for one."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def all(self, kind: type[Event]) -> list:
        with self._news:
            return [event for event in self.events if type(event) is kind]

    @property
    def states(self) -> list[str]:
        return [event.entered.value for event in self.all(StateChanged)]

    def wait_for(self, met: Callable[[], bool]) -> None:
        with self._news:
            happened = self._news.wait_for(met, TIMEOUT_S)
            assert happened, f"so far: {sorted({type(event).__name__ for event in self.events})}"

    def wait_for_state(self, state: str, times: int = 1) -> None:
        self.wait_for(lambda: self.states.count(state) >= times)

    def wait_for_event(self, kind: type[Event]) -> None:
        self.wait_for(lambda: bool(self.all(kind)))


class RecordingSaver:
    """Stands in for `Saver`: keeps in memory, as slowly as a test likes."""

    waits_for_reader = is_finishing = False

    def __init__(self, before_each: Callable[[], None] = lambda: None) -> None:
        self._before_each = before_each
        self.frames = 0
        self.received = b""
        self.finished: list[tuple[int | None, str]] = []

    def pcm(self, block) -> None:
        self._before_each()
        self.frames += block.frames

    def raw(self, data: bytes, number: int = 0) -> None:
        self._before_each()
        self.received += data

    def finish(self, heard_frames: int | None = None, raw_format: str = "bin"):
        from voicecli.recording.saver import SaveReport

        self.finished.append((heard_frames, raw_format))
        return SaveReport(["a.wav"], None)


class Run:
    """A session's `run` on a thread of the test's, for tests that act meanwhile."""

    def __init__(self, session, sources) -> None:
        self._result: list[object] = []
        self._fault: list[BaseException] = []
        self._session = session
        self._sources = sources
        self._thread = threading.Thread(target=self._run, name="test-run")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._session.run(self._sources))
        except BaseException as fault:  # noqa: BLE001  raised again by result()
            self._fault.append(fault)

    def result(self):
        """What `run` returned; raises what it raised."""
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive(), "the session hangs"
        if self._fault:
            raise self._fault[0]
        return self._result[0]


def settings(*, volume: float = 1.0, expected_format=None, **limits) -> SessionSettings:
    limits = FetchLimits(**{"retries": 0, **limits})
    return SessionSettings(limits, volume, expected_format)


def watched(
    clock=None, *, output=None, start_s=0.0, saver=None, history=None, observers=(), **options
):
    """A session and its watcher, on a clock that never makes anyone wait."""
    watcher = Watcher()
    session = Session(
        output or null_output(start_s),
        settings(**options),
        history=history,
        observers=[*observers, watcher],
        saver=saver,
        clock=clock or FakeClock(),
    )
    return session, watcher


def cut_off() -> NetworkError:
    return NetworkError("the connection was cut")


def voice_threads() -> set[str]:
    """Names of the sessions' threads that are alive."""
    names = {thread.name for thread in threading.enumerate()}
    # The pool of voicecli.streams outlives its users on purpose; other tests may have made it.
    return {n for n in names if n.startswith("voicecli-") and "-streams" not in n}
