"""`Playback`: one text being spoken, for the program that asked for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from voicecli.session.planner import Planner
    from voicecli.session.session import Session
    from voicecli.session.settings import SessionResult
    from voicecli.session.utterance import Utterance
    from voicecli.telemetry.metrics import Recorder


class PlaybackStatus(NamedTuple):
    """A playback at one moment.

    ``state`` is a name such as ``playing``, whether it is ``paused`` or not. ``heard_s`` is
    the position in the sound, ``buffered_s`` the sound that arrived and was not heard yet.
    ``sentences_heard`` of ``sentences`` known so far were heard; ``text`` is the current one,
    empty before the first.
    """

    state: str
    paused: bool
    heard_s: float
    buffered_s: float
    sentences_heard: int
    sentences: int
    text: str


class Playback:
    """One text being spoken; made by `Engine.say`. Any thread; ``await`` it in asyncio.

    ``metrics`` is the JSON object of schema ``voicecli.metrics/1`` once it has ended.
    """

    def __init__(
        self,
        session: Session,
        planner: Planner,
        recorder: Recorder,
        *,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self._session = session
        self._planner = planner
        self._recorder = recorder
        self._on_stop = on_stop
        self._ended = threading.Event()
        self._result: SessionResult | None = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], None]] = []  # under the lock
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    @property
    def heard_s(self) -> float:
        """Seconds of sound heard so far."""
        return self._session.heard_s()

    @property
    def sentences(self) -> tuple[int, int]:
        """How many sentences were heard, and how many are known of."""
        heard, _ = self._recorder.segments.spoken_sentences(self.heard_s)
        return heard, self._planner.sentences

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures of the run so far, complete once it has ended."""
        result = self._result
        return self._recorder.result(
            interrupted_at=result.interrupted_at if result is not None else None,
            spoken_s=result.spoken_s if result is not None else self.heard_s,
        )

    def stop(self) -> None:
        """Silence it at once; idempotent."""
        self._session.cancel()
        if self._on_stop is not None:
            self._on_stop()

    def pause(self) -> None:
        """Silence it within one block, and keep its place; idempotent.

        A pause may last any length of time: audio that arrives is buffered up to the usual
        bounds; then the network waits.
        """
        self._session.control.pause()

    def resume(self) -> None:
        """Continue exactly where `pause` stopped; idempotent."""
        self._session.control.resume()

    def skip(self) -> None:
        """Skip to the next sentence, or to the next request if that is not known yet."""
        self._session.control.skip()

    def back(self) -> bool:
        """Repeat the current sentence; within 1.5 s of its start, go back to the one before.

        Returns False if the sound that far back is no longer kept.
        """
        return self._session.control.back()

    def status(self) -> PlaybackStatus:
        """Return the current sentence and position."""
        now = self._session.control.status()
        heard, known = self.sentences
        return PlaybackStatus(
            self._session.state.value,
            now.paused,
            now.heard_s,
            now.buffered_s,
            heard,
            known,
            now.text,
        )

    def wait(self, timeout_s: float | None = None) -> SessionResult | None:
        """Wait until it has ended, and return its result; None after ``timeout_s``.

        A failure outside the program is in the result.

        Raises:
            Exception: what the iterable of text raised, once all that it gave was heard, or a
                bug.
        """
        if not self._ended.wait(timeout_s):
            return None
        if self._error is not None:
            raise self._error
        return self._result

    def __await__(self) -> Generator[Any, None, SessionResult]:
        """Wait as `wait` does; cancelling the task stops the speech."""
        return self._await().__await__()

    async def _await(self) -> SessionResult:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def report() -> None:
            with suppress(RuntimeError):  # the loop may have been closed meanwhile
                loop.call_soon_threadsafe(ended.set)

        with self._lock:
            if not self.done:
                self._waiters.append(report)
            else:
                ended.set()
        try:
            await ended.wait()
        except asyncio.CancelledError:
            self.stop()
            raise
        result = self.wait(0)
        assert result is not None
        return result

    def _utterances(self) -> Generator[Utterance, None, None]:
        """Yield the utterances; an error of the caller's text waits for their sound."""
        session = self._session
        try:
            yield from self._planner.utterances(
                session.spawn, session.heard_s, lambda: session.is_over
            )
        except VoiceError:
            raise
        except Exception as error:  # noqa: BLE001  raised again by `wait`
            self._error = error

    def run(self) -> None:
        """Speak; the engine calls it once, on a thread of the playback's own."""
        session = self._session
        try:
            self._result = session.run(self._utterances())
        except BaseException as error:  # noqa: BLE001  raised again by `wait`
            self._error = error
        with self._lock:
            self._ended.set()
            waiters = self._waiters
        for waiter in waiters:
            waiter()
