"""Hooks on the side of a session: they watch what happens and never change it.

An observer is any object; it has those of `Observer`'s methods that it cares
about. Each is called from the thread where the thing happens, so what an
observer shares with others is its own to guard; calls of one hook come in
order. It must be quick: the hooks of the source and the decoder are on the way
of the audio. One that raises is logged once and never called again.

All times are seconds on the session's clock.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.audio.pcm import AudioFormat, Pcm
    from voicecli.playback.base import SinkReport, SinkSnapshot, Underrun
    from voicecli.sources.base import SourceInfo
    from voicecli.telemetry.lifecycle import State

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Every hook there is; all are optional. In brackets the calling thread."""

    def requested(self, at: float, label: str) -> None:
        """A request is handed to its source [source]. The first one's time is t0."""

    def connected(self, at: float) -> None:
        """A connection for the request stands [source]; twice where encryption follows."""

    def request_sent(self, at: float) -> None:
        """The request has left the machine [source]."""

    def answered(self, at: float, info: SourceInfo) -> None:
        """The source knows what kind of answer it gets [source]."""

    def retrying(self, at: float, error: VoiceError, wait_s: float) -> None:
        """An attempt failed and will be repeated [source]."""

    def received(self, at: float, count: int) -> None:
        """``count`` bytes arrived [source]."""

    def received_bytes(self, at: float, data: bytes) -> None:
        """The same bytes themselves, after ``received``, at the same time [source]."""

    def received_all(self, at: float) -> None:
        """The last byte of the last answer has arrived [source]."""

    def recognised(self, at: float, name: str, format: AudioFormat) -> None:
        """The bytes turned out to be ``name``, decoded to ``format`` [decoder]."""

    def decoded(self, at: float, pcm: Pcm, cpu_s: float) -> None:
        """A block was decoded, in ``cpu_s`` seconds of CPU [decoder]."""

    def state_changed(self, at: float, left: State, entered: State) -> None:
        """The session moved on [session]."""

    def waited(self, at: float) -> None:
        """Nothing is there to be played yet, told some ten times a second [session]."""

    def progressed(self, at: float, snapshot: SinkSnapshot) -> None:
        """How playback stands, some ten times a second [session]."""

    def playback_started(self, at: float) -> None:
        """The first sample was heard at ``at`` [session]; told a moment later."""

    def underran(self, underrun: Underrun) -> None:
        """A hole in the sound has ended [session]."""

    def playback_ended(self, at: float, report: SinkReport) -> None:
        """The last sample was heard, or the sound was cut off, at ``at`` [session]."""

    def failed(self, at: float, error: VoiceError) -> None:
        """The session's first error [session]."""


class Observers:
    """Passes every call on to each observer that has the hook; any thread."""

    def __init__(self, observers: Iterable[object]) -> None:
        self._lock = threading.Lock()
        self._observers = tuple(observers)  # replaced, never changed: `tell` takes no lock

    def listen_for(self, hook: str) -> bool:
        """Whether anyone has the hook: what nobody listens for need not be told at all."""
        return any(hasattr(observer, hook) for observer in self._observers)

    def tell(self, hook: str, *details: Any) -> None:
        """Call ``hook`` on every observer that has it."""
        for observer in self._observers:
            method = getattr(observer, hook, None)
            if method is None:
                continue
            try:
                method(*details)
            except Exception as fault:  # noqa: BLE001  whatever it raises, the audio goes on
                self._drop(observer, hook, fault)

    def _drop(self, observer: object, hook: str, fault: Exception) -> None:
        with self._lock:
            left = tuple(other for other in self._observers if other is not observer)
            if len(left) == len(self._observers):
                return  # another thread was here first
            self._observers = left
        if isinstance(fault, VoiceError):
            _log.warning("%s", fault)
        else:
            _log.error("an observer failed in %s and is dropped", hook, exc_info=fault)

    def dismiss(self) -> None:
        """Tell nobody anything any more: a thread left behind must not reach who has gone."""
        with self._lock:
            self._observers = ()
