"""Keep a run's place in its text on disk, so that ``say --resume`` can continue from there."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicecli.cli.interrupted_runs import delete_files, find_run, kept_runs, stamp_of, state_folder
from voicecli.cli.text_input import STDIN
from voicecli.telemetry.events import Progressed, Recognised, RequestSent, SegmentPlaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.cli.interrupted_runs import InterruptedRun
    from voicecli.telemetry.events import Event
    from voicecli.telemetry.segments import SegmentTable

MAX_RUNS = 8
"""Runs kept, the newest ones."""

_EVERY_S = 0.05
"""Interval at which the place is looked up."""

_NOT_KEPT = {
    "text", "file", "script", "lines", "resume", "no_state", "save", "save_as", "debug_audio",
    "subtitles", "json_", "event_log", "trace", "trace_audio", "no_play", "quiet", "verbose",
}  # fmt: skip
"""Parameters of ``say`` that the next run does not take over."""

_log = logging.getLogger(__name__)


def use_options_of_last_run(context: typer.Context, value: bool) -> bool:  # noqa: FBT001  as typer calls it
    """Use the options of the run being resumed as the defaults of this one.

    Raises:
        typer.BadParameter: there is no such run.
    """
    if value and not context.resilient_parsing:
        run = find_run()
        if run is None:
            raise typer.BadParameter(
                "nothing to resume: each text was spoken to its end, or is being spoken"
            )
        context.default_map = {**(context.default_map or {}), **run.options}
        context.obj = run
        context.call_on_close(run.lock.close)
    return value


def keeper_of(
    context: typer.Context, file: Path | None, run: InterruptedRun | None, *, is_script: bool
) -> RunKeeper:
    """Return what keeps the place of the command in ``context``, which may continue a ``run``."""
    named = None if file is None or str(file) == STDIN else file
    return RunKeeper(_options_to_keep(context), is_script=is_script, file=named, resumed=run)


def _options_to_keep(context: typer.Context) -> dict[str, Any]:
    """Return the options that a run was given, without those that may hold a password."""
    kept: dict[str, Any] = {}
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        is_given = source is not None and source.name != "DEFAULT"
        if is_given and name not in _NOT_KEPT and not _may_have_password(name, str(value)):
            kept[name] = [str(each) for each in value] if isinstance(value, list) else value
    return {name: str(v) if isinstance(v, Path) else v for name, v in kept.items()}


def _may_have_password(name: str, value: str) -> bool:
    return "@" in value and (name in ("base_url", "proxy") or "://" in value)


class RunKeeper:
    """An observer that keeps a run's place in its text; its events come from several threads.

    Nothing here raises because of the disk: a run whose place cannot be kept is spoken
    anyway. ``resumed`` is the run that this one continues; it stays the one to resume if this
    one cannot be kept.
    """

    def __init__(
        self,
        options: dict[str, Any],
        *,
        is_script: bool,
        file: Path | None,
        resumed: InterruptedRun | None = None,
    ) -> None:
        self._path = state_folder() / f"{os.urandom(6).hex()}.json"
        self._options = options
        self._is_script = is_script
        self._file = None if file is None else str(file.absolute())
        self._begin = 0  # where this run begins in the file
        if resumed is not None and resumed.file is not None:
            self._file, self._begin = resumed.file, resumed.at - len(resumed.label)
        self._stamp = None if self._file is None else stamp_of(self._file)
        self._resumed = resumed
        self._lock_fd: int | None = None
        self._is_lost = False
        self._unwritten: list[str] = []  # text read before the request left
        self._starts: list[tuple[int, str | None]] = []  # where each sentence begins, and its voice
        self._end = 0  # where the last of them ends
        self._at, self._voice = 0, resumed.voice if resumed is not None else None
        self._looked_at = 0.0
        self.segments: SegmentTable | None = None
        """Set by the run, to count the sentences that were spoken."""

    def read(self, text: str) -> None:
        """Keep a text that is complete."""
        if self._file is None:
            self._unwritten.append(text)

    def pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        """Yield pieces of text as they are read, and keep them."""
        for piece in pieces:
            if self._file is None:
                self._unwritten.append(piece)
                self._write_text()
            yield piece

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        match event:
            case RequestSent() | Recognised() if self._lock_fd is None:
                self._create()
            case SegmentPlaced(_, segment) if not segment.part:
                self._starts += [
                    (sentence.span.start, sentence.voice)
                    for sentence in segment.sentences
                    if not sentence.continues
                ]
                self._end = segment.span.end
            case Progressed(at, snapshot) if at - self._looked_at >= _EVERY_S:
                self._looked_at = at
                self._note(snapshot.heard_s)

    def finish(self, *, is_done: bool, heard_s: float) -> None:
        """End the run: forget it if it was spoken to its end."""
        if self._lock_fd is None:
            return
        if is_done:
            delete_files(self._path)
        else:
            self._note(heard_s)
        with suppress(OSError):
            os.close(self._lock_fd)
        for old in kept_runs()[MAX_RUNS:]:
            delete_files(old)

    def _note(self, heard_s: float) -> None:
        """Write the current sentence to disk, if it has changed."""
        if self.segments is None or not self._starts:
            return
        spoken, _ = self.segments.spoken_sentences(heard_s)
        is_known = spoken < len(self._starts)
        at, voice = self._starts[spoken] if is_known else (self._end, self._starts[-1][1])
        if at != self._at:
            self._at, self._voice = at, voice
            self._write()

    def _create(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._lock_fd = os.open(self._path.with_suffix(".txt"), flags, 0o600)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            _log.debug("the place in the text is not kept: %s", error)
            return
        self._write_text()
        self._write()
        if self._resumed is not None and not self._is_lost:  # this run is the one to resume now
            self._resumed.delete()

    def _write_text(self) -> None:
        if self._lock_fd is None or self._is_lost:
            return
        text, self._unwritten = "".join(self._unwritten), []
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._lock_fd, data) :]
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Give up the place: to resume half a text would pass over the rest without a word."""
        _log.debug("the place in the text is not kept: %s", error)
        self._is_lost = True
        delete_files(self._path)

    def _write(self) -> None:
        if self._is_lost:
            return
        state = {
            "version": 1,
            "options": self._options,
            "script": self._is_script,
            "file": self._file,
            "stamp": self._stamp,
            "at": max(0, self._at + self._begin),
            "voice": self._voice,
        }
        fresh = self._path.with_suffix(".new")
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(state, file)
            fresh.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            if not self._path.exists():
                self._lose(error)  # otherwise an earlier place is kept
