"""Show the progress of the speech on one line of the terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from voicecli.sanitize import clean
from voicecli.telemetry.current_sentence import CurrentSentence
from voicecli.telemetry.events import (
    Failed,
    PlaybackEnded,
    Progressed,
    Requested,
    Retrying,
    StateChanged,
    Waited,
)
from voicecli.telemetry.lifecycle import FINAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from voicecli.playback.base import SinkSnapshot
    from voicecli.telemetry.events import Event


def wants_progress(*, quiet: bool) -> bool:
    """Return whether standard error is a terminal that can redraw a line."""
    if quiet or sys.stderr is None or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr.isatty()


QUIET_S = 1.0
"""How long a server may be silent before the wait is shown."""


class ProgressLine:
    """An observer that draws one line on standard error, before and during the speech.

    It shows how much was spoken, how much is buffered, and the current sentence; or what it
    waits for: the server, the text if ``is_growing`` says that it is still being written, or
    the voice that ``turn_of`` names.
    rich is imported when sound has started, which it must not delay. All drawing is
    done on the session's thread.
    """

    def __init__(
        self,
        is_growing: Callable[[], bool] = lambda: False,
        turn_of: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._is_growing = is_growing
        self._turn_of = turn_of
        self._live: Any = None
        self._one_line: Any = None  # makes what rich draws on one line, whatever is in it
        self._note = ""
        self._waiting = StatusLine(wanted=True)
        self._first_request: tuple[float, str] | None = None
        self._attempts = 1
        self._is_rebuffering = False
        self._waits_since: float | None = None
        self._sentence = CurrentSentence()

    def __call__(self, event: Event, /) -> None:
        """Draw what the event changes."""
        self._sentence(event)
        match event:
            case Requested(at, label):
                self._first_request = self._first_request or (at, clean(label))
            case Retrying():
                self._attempts += 1
            case Waited(at):
                self._draw_wait(at)
            case Progressed(_, snapshot) if snapshot.playing or snapshot.heard_s:
                self._draw_progress(snapshot)
            case StateChanged(_, _, entered):
                if entered in FINAL:
                    self.close()  # leave the line to the report
                self._is_rebuffering = entered.value == "rebuffering"
                self._note = ""
            case Failed():
                self._note = "the stream broke; playing what arrived"
            case PlaybackEnded():
                self.close()

    def _draw_wait(self, at: float) -> None:
        if self._first_request is None and not self._is_growing():
            return
        self._waits_since = at if self._waits_since is None else self._waits_since
        since, label = self._first_request or (self._waits_since, "the text")
        label = self._turn_of() or label
        if at - since < QUIET_S:
            return
        tries = f"  try {self._attempts}" if self._attempts > 1 else ""
        self._waiting.show(f"waiting for {label}  {at - since:.0f} s{tries}")

    def _draw_progress(self, snapshot: SinkSnapshot) -> None:
        note = self._note
        may_come = snapshot.playing or self._is_growing()
        if self._sentence.awaits_text and not snapshot.buffered_s and may_come:
            note = "waiting for the text"
        elif self._is_rebuffering:
            note = "waiting for the server"
        if snapshot.paused:
            note = "paused"
        shown = note or clean(self._sentence.at(snapshot.heard_s), 500)
        line = f"{snapshot.heard_s:5.1f} s received  {shown}"  # without sound output
        if snapshot.playing:
            line = f"{snapshot.heard_s:5.1f} s spoken  {snapshot.buffered_s:5.1f} s ahead  {shown}"
        if self._live is None:
            self._waiting.clear()
            from rich.console import Console  # noqa: PLC0415  not before the first sound
            from rich.live import Live  # noqa: PLC0415
            from rich.text import Text  # noqa: PLC0415

            console = Console(stderr=True, highlight=False)
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
            self._one_line = partial(Text, no_wrap=True, overflow="ellipsis")
        self._live.update(self._one_line(line), refresh=True)

    def close(self) -> None:
        """Remove the line; idempotent."""
        self._waiting.clear()
        if self._live is not None:
            self._live.stop()
            self._live = None


class StatusLine:
    """One line of text on standard error, which replaces the one before.

    Draws nothing unless ``wanted``. A context manager that removes the line.
    """

    _CLEAR = "\r\x1b[2K"

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._is_drawn = False

    def show(self, text: str) -> None:
        """Redraw the line, cut to the width of the terminal."""
        self._write(self._CLEAR + text[: shutil.get_terminal_size().columns - 1])
        self._is_drawn = True

    def clear(self) -> None:
        """Remove the line; idempotent."""
        if self._is_drawn:
            self._write(self._CLEAR)
            self._is_drawn = False

    def _write(self, text: str) -> None:
        if self._wanted:
            with contextlib.suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()
