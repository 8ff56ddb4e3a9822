"""Keys of a terminal that control the speech of a command."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from voicecli.cli.output import print_message
from voicecli.telemetry.events import Progressed, Waited

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.cli.speech import Speech
    from voicecli.control.keys import TerminalKeys
    from voicecli.session.session import Session
    from voicecli.telemetry.events import Event

HELP = (
    "space: pause, go on · → ←: next sentence, back · + -: volume · "
    "[ ]: speed of what is requested next · q: stop"
)

_LOUDER, _FASTER = 1.25, 1.1
"""Factors of one key press: 2 dB, and a tenth."""


def wants_keys() -> bool:
    """Return whether a person sits at a terminal."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class SpeechKeys:
    """An observer that reads keys from when the request has left until `close`."""

    def __init__(self, notify: Callable[[str], None] = print_message) -> None:
        self._notify = notify
        self._session: Session | None = None
        self._speech: Speech | None = None
        self._keys: TerminalKeys | None = None
        self._was_paused = False

    def attach(self, session: Session, speech: Speech | None) -> None:
        """Let keys reach ``session``, and the speed of ``speech``."""
        self._session, self._speech = session, speech

    def __call__(self, event: Event, /) -> None:
        """Begin to read keys once the request has left, or sound is there."""
        is_due = self._keys is None and isinstance(event, Waited | Progressed)
        if is_due and self._session is not None:
            self._begin(self._session)

    def _begin(self, session: Session) -> None:
        from voicecli.control.keys import TerminalKeys  # noqa: PLC0415  after the request

        control = session.control

        def toggle() -> None:
            (control.resume if control.status().paused else control.pause)()

        actions: dict[str, Callable[[], object]] = {
            " ": toggle,
            "right": control.skip,
            "left": control.back,
            "+": lambda: self._change_volume(_LOUDER),
            "=": lambda: self._change_volume(_LOUDER),  # + without shift
            "-": lambda: self._change_volume(1 / _LOUDER),
            "]": lambda: self._change_speed(_FASTER),
            "[": lambda: self._change_speed(1 / _FASTER),
            "q": session.cancel,
            "?": lambda: self._notify(HELP),
        }
        self._keys = TerminalKeys(actions, pause=self._suspend, resume=self._go_on)
        self._keys.start()

    def _change_volume(self, factor: float) -> None:
        if self._session is not None:
            self._session.control.louder(factor)

    def _change_speed(self, factor: float) -> None:
        if self._speech is not None:
            self._speech.faster(factor)

    def _suspend(self) -> None:
        """Pause for Ctrl-Z, unless it is paused already."""
        assert self._session is not None
        self._was_paused = self._session.control.status().paused
        self._session.control.pause()

    def _go_on(self) -> None:
        assert self._session is not None
        if not self._was_paused:
            self._session.control.resume()

    def restore(self) -> None:
        """Leave the terminal as it was found; any thread, idempotent."""
        if self._keys is not None:
            self._keys.restore()

    def close(self) -> None:
        """Read no more keys; the terminal is as it was found."""
        if self._keys is not None:
            self._keys.close()
