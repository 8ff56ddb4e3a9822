"""Decide when a run may be heard, by ``--when-busy`` and the queue of voices."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from voicecli.control.runtime import RuntimeFolderError
from voicecli.control.voice_queue import POLL_S, Ticket, Turn
from voicecli.errors import DeviceBusy

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPT_S = 2.0
"""How long an interrupted run may take to stop; a suspended process never does."""


class WhenBusy(StrEnum):
    """What to do while another voice speaks."""

    QUEUE = "queue"
    INTERRUPT = "interrupt"
    MIX = "mix"
    FAIL = "fail"


class VoiceTurn:
    """The turn of one run, from when it was asked for; a `SoundTurn`.

    ``name`` is that of the run's socket, ``by`` the name that interrupted runs report: they are
    interrupted only once there is sound, so that a failed request interrupts nothing.
    ``pid`` is the process that others see, None for this one. ``on_wait`` gets the process
    being heard, once, if this one has to wait. Any thread.

    Raises:
        RuntimeFolderError: turns cannot be taken here.
        DeviceBusy: another voice is heard, and ``when_busy`` is to fail then.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        when_busy: WhenBusy,
        *,
        by: str = "",
        on_wait: Callable[[int | None], None] | None = None,
        pid: int | None = None,
    ) -> None:
        self._folder = folder
        self._by = by
        self._on_wait = on_wait
        self._note = f"{os.getpid() if pid is None else pid} {name}"
        self._interrupts = when_busy is WhenBusy.INTERRUPT
        self._lock = threading.Lock()
        self._turn: Turn | None = Turn(folder, note=self._note, interrupts=self._interrupts)
        self._is_released = self._has_turn = self._awaits_text = False
        self._waiting = threading.Event()
        self.waited_s = 0.0
        self.waits_for: int | None = None
        """The process being heard when the last wait began."""
        if when_busy is WhenBusy.FAIL and not self._turn.is_first():
            pid = _pid(self._turn.ahead())
            self._turn.release()
            raise DeviceBusy(
                "another voice is being heard" + (f" (process {pid})" if pid else ""),
                remedy="--when-busy queue waits for it, interrupt ends it, mix ignores it",
            )

    @property
    def is_waiting(self) -> bool:
        """Whether there is sound that waits for its turn."""
        return self._waiting.is_set()

    @property
    def awaits_text(self) -> bool:
        """Whether nothing follows until more text has been written."""
        return self._awaits_text

    def ask(self) -> None:
        """Take a place in the queue again, if `rest` gave it up."""
        with self._lock:
            self._awaits_text = False
            if self._turn is None and not self._is_released:
                with contextlib.suppress(RuntimeFolderError):  # without a folder, voices mix
                    self._turn = Turn(self._folder, note=self._note)

    def wait(self) -> None:
        """Wait until this run may be heard, or was released."""
        if self._has_turn and not self._awaits_text:
            return
        self.ask()
        turn = self._turn
        if turn is not None and not (self._has_turn or turn.is_first()):
            self._wait(turn)
        with self._lock:
            self._has_turn = self._turn is turn and turn is not None

    def _wait(self, turn: Turn) -> None:
        began_at = time.monotonic()
        self.waits_for = _pid(turn.ahead())
        self._waiting.set()
        if self._interrupts:
            self._interrupts = False  # once
            self._interrupt(turn)
        else:
            if self._on_wait is not None:
                self._on_wait(self.waits_for)
            turn.wait()
        self._waiting.clear()
        self.waited_s += time.monotonic() - began_at

    def await_text(self) -> None:
        """Note that nothing follows until more text has been written; `rest` may follow."""
        self._awaits_text = True

    def rest(self) -> None:
        """Let others speak until there is more text; nothing is heard now."""
        with self._lock:
            if self._awaits_text and self._turn is not None:
                self._turn.release()
                self._turn, self._has_turn = None, False

    def release(self) -> None:
        """Let the next voice speak; idempotent."""
        with self._lock:
            self._is_released = True
            if self._turn is not None:
                self._turn.release()

    def _interrupt(self, turn: Turn) -> None:
        """Stop all earlier runs and wait for them, for `INTERRUPT_S` at most."""
        from voicecli.control.client import ask, speakers_folder  # noqa: PLC0415  needs sockets

        ends_at = time.monotonic() + INTERRUPT_S
        stopped: set[str] = set()
        while time.monotonic() < ends_at:
            for ticket in turn.ahead():
                name = ticket.note.partition(" ")[2]
                if name and ticket.name not in stopped:
                    path = os.path.join(speakers_folder(self._folder), os.path.basename(name))
                    if ask(path, "stop", by=self._by) is not None:  # else it has no socket yet
                        stopped.add(ticket.name)
            if turn.wait(POLL_S) or turn.is_released:
                return


def _pid(ahead: list[Ticket]) -> int | None:
    """Return the process being heard."""
    pid = ahead[0].note.partition(" ")[0] if ahead else ""
    return int(pid) if pid.isdecimal() else None
