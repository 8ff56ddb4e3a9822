"""Keys of a terminal that control the speech of a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.cli.launch import this_launch
from voicecli.cli.output import print_message
from voicecli.telemetry.events import Progressed, Waited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def _ignore() -> None:
    """Do nothing."""


def wants_keys() -> bool:
    """Return whether this run has a terminal to read keys from."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def is_typed(given: Sequence[object]) -> bool:
    """Return whether a text is typed on a terminal, which then cannot be read for keys as well.

    The text needs the terminal's lines, and Ctrl-D for its end. ``given`` is what was given as
    text or as files, ``-`` for standard input.
    """
    if "-" in map(str, given):
        return sys.stdin is not None and sys.stdin.isatty()
    return any(isinstance(each, Path) and _is_terminal(each) for each in given)


def _is_terminal(path: Path) -> bool:
    try:
        return path.is_char_device()  # no other device holds text
    except OSError:  # reading it reports that
        return False


class SpeechKeys:
    """An observer that lets keys control a run, from its first request until `close`.

    Also for the resident's worker, whose terminal is another process's. ``has_terminal`` is
    whether there are keys at all; without, only Ctrl-Z is followed, and only there.
    """

    def __init__(
        self, *, has_terminal: bool, notify: Callable[[str], None] = print_message
    ) -> None:
        self._has_terminal = has_terminal
        self._notify = notify
        self._session: Session | None = None
        self._speech: Speech | None = None
        self._has_begun = False
        self._keys: TerminalKeys | None = None
        self._was_paused = False

    def attach(self, session: Session, speech: Speech | None) -> None:
        """Let keys reach ``session``, and the speed of ``speech``."""
        self._session, self._speech = session, speech

    def __call__(self, event: Event, /) -> None:
        """Begin to read keys once the request has left, or sound is there."""
        if self._has_begun or self._session is None or not isinstance(event, Waited | Progressed):
            return
        self._has_begun = True
        actions = self._actions(self._session)

        def press(key: str) -> None:
            actions.get(key, _ignore)()

        if this_launch.show_keys is not None:
            this_launch.press = press
            if self._has_terminal:
                this_launch.show_keys()
        elif self._has_terminal:
            from voicecli.control.keys import TerminalKeys  # noqa: PLC0415  after the request

            suspend, go_on = actions.pop("suspend"), actions.pop("continue")
            self._keys = TerminalKeys(press, pause=suspend, resume=go_on)
            self._keys.start()

    def _actions(self, session: Session) -> dict[str, Callable[[], Any]]:
        control = session.control

        def toggle() -> None:
            (control.resume if control.status().paused else control.pause)()

        def suspend() -> None:
            self._was_paused = control.status().paused
            control.pause()

        def go_on() -> None:
            if not self._was_paused:
                control.resume()

        def go_back() -> None:
            if not control.back() and control.status().heard_s:
                self._notify("that is as far back as sound is kept")

        def change_speed(factor: float) -> None:
            if self._speech is not None:
                self._speech.scale_speed(factor)

        return {
            " ": toggle,
            "right": control.skip,
            "left": go_back,
            "+": lambda: control.scale_volume(_LOUDER),
            "=": lambda: control.scale_volume(_LOUDER),  # + without shift
            "-": lambda: control.scale_volume(1 / _LOUDER),
            "]": lambda: change_speed(_FASTER),
            "[": lambda: change_speed(1 / _FASTER),
            "q": session.cancel,
            "?": lambda: self._notify(HELP),
            "suspend": suspend,
            "continue": go_on,
        }

    def restore(self) -> None:
        """Restore the terminal; any thread, idempotent."""
        if self._keys is not None:
            self._keys.restore()

    def close(self) -> None:
        """Stop reading keys and restore the terminal."""
        this_launch.press = None
        if self._keys is not None:
            self._keys.close()
