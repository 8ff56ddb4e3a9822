"""The line on a terminal that shows how far the speech is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from voicecli.sanitize import clean
from voicecli.telemetry.lifecycle import FINAL

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from voicecli.errors import VoiceError
    from voicecli.playback.base import SinkReport, SinkSnapshot
    from voicecli.telemetry.lifecycle import State


def wants_progress(*, quiet: bool) -> bool:
    """Whether anybody would see it: standard error is a terminal that can redraw a line."""
    if quiet or sys.stderr is None or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr.isatty()


PATIENCE_S = 1.0
"""A server may be silent for so long before anybody is told whom the wait is for."""


class ProgressLine:
    """An observer that draws one line on standard error while speech is awaited and plays.

    rich is imported with the first sound, not before: it must not delay it. All
    drawing is done by the session's thread, in its hooks.
    """

    def __init__(self) -> None:
        self._live: Any = None
        self._note = ""
        self._waiting = StatusLine(wanted=True)
        self._asked: tuple[float, str] | None = None
        self._tries = 1

    def requested(self, at: float, label: str) -> None:
        """Note whom the wait is for."""
        self._asked = self._asked or (at, clean(label))

    def retrying(self, at: float, error: VoiceError, wait_s: float) -> None:  # noqa: ARG002
        """Note that one try was not enough."""
        self._tries += 1

    def waited(self, at: float) -> None:
        """Say for how long there has been nothing to hear."""
        if self._asked is None or at - self._asked[0] < PATIENCE_S:
            return
        since, label = self._asked
        tries = f"  try {self._tries}" if self._tries > 1 else ""
        self._waiting.show(f"waiting for {label}  {at - since:.0f} s{tries}")

    def state_changed(self, at: float, left: State, entered: State) -> None:  # noqa: ARG002
        """Say what is going on; once it is over, leave the line to what is told of it."""
        if entered in FINAL:
            self.close()
        self._note = {"rebuffering": "waiting for the server"}.get(entered.value, "")

    def progressed(self, at: float, snapshot: SinkSnapshot) -> None:  # noqa: ARG002
        """Draw the line anew."""
        if not snapshot.playing:
            return
        text = f"{snapshot.heard_s:5.1f} s spoken  {snapshot.buffered_s:5.1f} s ahead  {self._note}"
        if self._live is None:
            self._waiting.clear()
            from rich.console import Console  # noqa: PLC0415  not before the first sound
            from rich.live import Live  # noqa: PLC0415  likewise

            console = Console(stderr=True, highlight=False)
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(text, refresh=True)

    def failed(self, at: float, error: VoiceError) -> None:  # noqa: ARG002
        """Note that something broke; what arrived still plays."""
        self._note = "the stream broke; playing what arrived"

    def playback_ended(self, at: float, report: SinkReport) -> None:  # noqa: ARG002
        """Take the line away."""
        self.close()

    def close(self) -> None:
        """Take the line away; idempotent."""
        self._waiting.clear()
        if self._live is not None:
            self._live.stop()
            self._live = None


class StatusLine:
    """One line of text on standard error, drawn over the one before; none unless ``wanted``.

    For what takes long and has nothing to do in between: it writes what it is
    given, at once. A context manager; leaving it takes the line away.
    """

    _CLEAR = "\r\x1b[2K"

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._is_drawn = False

    def show(self, text: str) -> None:
        """Draw the line anew, cut to the width of the terminal."""
        self._write(self._CLEAR + text[: shutil.get_terminal_size().columns - 1])
        self._is_drawn = True

    def clear(self) -> None:
        """Take away what is drawn; idempotent."""
        if self._is_drawn:
            self._write(self._CLEAR)
            self._is_drawn = False

    def _write(self, text: str) -> None:
        if self._wanted:
            with contextlib.suppress(OSError):
                print(text, end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()
