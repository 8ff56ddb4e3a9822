"""Answer requests to a speaking process: report its status, and carry out commands."""

from __future__ import annotations

import os
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.control.protocol import (
    MAX_TEXT,
    SCHEMA,
    ProtocolError,
    count_of,
    decode,
    encode,
    failure,
    text_of,
)
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.control.voice_turn import VoiceTurn
    from voicecli.session.session import Session
    from voicecli.telemetry.metrics import Recorder


_LARGE_ID = 1 << 64
"""Whole numbers from here on do not come back as ``id``."""


class Speaker:
    """Answers status and takes commands for one run; any thread.

    ``command`` is the subcommand's name, ``run_id`` that of the metrics; ``began_at`` is
    wall time. ``turn`` is its turn, None if it takes none. ``sentences`` returns how many
    the text has, None while it is written. ``process`` is the one that the user started, and
    its parent; None is this one. ``stopped_by`` says who stopped the run.
    """

    def __init__(
        self,
        command: str,
        run_id: str,
        began_at: float,
        session: Session,
        recorder: Recorder,
        *,
        turn: VoiceTurn | None = None,
        sentences: Callable[[], int | None] = lambda: None,
        process: tuple[int, int] | None = None,
    ) -> None:
        pid, parent = process or (os.getpid(), os.getppid())
        self._about = {
            "pid": pid,
            "run_id": run_id,
            "command": command,
            "started_by": _name_of(parent),
            "began_at": began_at,
        }
        self._session = session
        self._recorder = recorder
        self._turn = turn
        self._sentences = sentences
        self.stopped_by: str | None = None

    def answer(self, line: bytes) -> bytes:
        """Carry out one line of a client, and return the answer."""
        try:
            fields = decode(line)
            was_limited = self._obey(fields)
        except ProtocolError as error:
            return failure(error)
        request_id = fields.get("id")
        if isinstance(request_id, str):
            request_id = request_id[:MAX_TEXT]
        if isinstance(request_id, int) and abs(request_id) >= _LARGE_ID:
            request_id = None  # the answer must fit on a line
        is_number = isinstance(request_id, float) and isfinite(request_id)  # JSON has no other
        known = {"id": request_id} if isinstance(request_id, int | str) or is_number else {}
        limited = {"limited": True} if was_limited else {}
        return encode({**known, "ok": True, **limited, "speaker": self.status()})

    def stop(self, by: str) -> None:
        """Stop the run, and remember who did."""
        self.stopped_by = self.stopped_by or by
        self._session.cancel()

    def _obey(self, fields: dict[str, Any]) -> bool:
        """Carry out a command; return whether it went back less far than requested."""
        control, times = self._session.control, range(count_of(fields))
        match fields.get("command"):
            case "status":
                pass
            case "stop":
                self.stop(clean(text_of(fields, "by")) or "another process")
            case "pause":
                control.pause()
            case "resume":
                control.resume()
            case "toggle":
                (control.resume if control.status().paused else control.pause)()
            case "skip":
                for _ in times:
                    control.skip()
            case "back":
                return not all(control.back() for _ in times)
            case _:
                raise ProtocolError("unknown_command", f"{SCHEMA} has no such command")
        return False

    def status(self) -> dict[str, Any]:
        """Return the current status, as a JSON object."""
        now = self._session.control.status()
        state = "paused" if now.paused else self._session.state.value
        if state == "draining":  # all of it has arrived, and is still heard
            state = "playing"
        if self._turn is not None and self._turn.is_waiting:
            state = "waiting"
        heard, known = self._recorder.segments.spoken_sentences(now.heard_s)
        in_all = self._sentences()
        return {
            **self._about,
            "state": state,
            "endpoint": clean(self._recorder.label or "", MAX_TEXT) or None,
            "text": clean(now.text, MAX_TEXT),
            "sentences": {"heard": heard, "known": in_all or known, "all": in_all is not None},
            "heard_s": round(now.heard_s, 3),
            "buffered_s": round(now.buffered_s, 3),
        }


def _name_of(pid: int) -> str | None:
    """Return the name of a process; None if the system does not say."""
    try:
        return clean(Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace"), 40)
    except OSError:
        return None
