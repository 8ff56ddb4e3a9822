"""Keep a run's place in its text on disk, so that ``say --resume`` can continue from there.

Each run that speaks a text has two files in the state folder, for its owner only: the text as
it was read (empty if it is in a file, which is read again), and an object of the options it was
given and the place of the sentence that is being heard. A run that was spoken to its end
deletes them. The text file is locked while the run lasts, so that `find_run` never takes over
what another process is speaking; the kernel releases the lock however the process ends.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from voicecli.cli.rest_of_text import RestOfText
from voicecli.cli.text_input import GivenText, TextInput, TextReading, open_text
from voicecli.telemetry.events import Progressed, Recognised, RequestSent, SegmentPlaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.telemetry.events import Event
    from voicecli.telemetry.segments import SegmentTable

MOST_RUNS = 8
"""Runs kept, the newest ones."""

_EVERY_S = 0.05
"""Interval at which the place is looked up."""

_MOST_BYTES = 64 << 20

_NOT_KEPT = {
    "text", "file", "script", "lines", "resume", "no_state", "save", "save_as", "debug_audio",
    "subtitles", "json_", "event_log", "trace", "trace_audio", "no_play",
}  # fmt: skip
"""Parameters of ``say`` that the next run does not take over."""

_log = logging.getLogger(__name__)


class RunState(NamedTuple):
    """A run that was not spoken to its end: its ``options``, and what is left of its text.

    ``file`` is the file that the text is in, ``at`` how many characters of it were spoken,
    ``stamp`` how large it was and when it was changed; without a file ``text`` is what is
    left. ``voice`` speaks the line of a script that the run was in.
    """

    path: Path
    options: dict[str, Any]
    is_script: bool
    file: str | None
    at: int
    text: str
    voice: str | None
    stamp: list[int] | None

    @property
    def label(self) -> str:
        """What the rest of a script begins with: the voice of the line that was interrupted."""
        return f"{self.voice}: " if self.is_script and self.voice else ""

    def rest(self, reading: TextReading) -> TextInput:
        """Return what is left of the text.

        Raises:
            typer.BadParameter: its file cannot be read any more.
        """
        if self.file is None:
            return GivenText(self.label + self.text)
        text = open_text(self.file, reading)
        if self.stamp != _stamp_of(self.file):
            reading.warn(f"{self.file} has changed; going on after as many characters as before")
        return RestOfText(text, self.at, self.label)

    def delete(self) -> None:
        """Forget the run."""
        _delete(self.path)


def state_folder() -> Path:
    """Return the folder of the runs' files, which may not exist yet."""
    import platformdirs  # noqa: PLC0415  after the request

    return platformdirs.user_state_path("voicecli", appauthor=False) / "runs"


def find_run() -> RunState | None:
    """Return the newest run that was interrupted or failed, None if there is none."""
    for path in _states():
        try:
            with path.with_suffix(".txt").open("rb") as text:
                fcntl.flock(text, fcntl.LOCK_SH | fcntl.LOCK_NB)
                read = text.read(_MOST_BYTES).decode("utf-8", "replace")
            state = json.loads(path.read_bytes())
            at, file = int(state["at"]), state["file"]
            left = "" if file is not None else read[at:]
            voice, is_script = state.get("voice"), bool(state["script"])
            voice = voice if isinstance(voice, str) else None
            options, stamp = dict(state["options"]), state.get("stamp")
            return RunState(path, options, is_script, file, at, left, voice, stamp)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def use_options_of_last_run(context: typer.Context, value: bool) -> bool:  # noqa: FBT001  as typer calls it
    """Use the options of the run being resumed as the defaults of this one.

    Raises:
        typer.BadParameter: there is no such run.
    """
    if value and not context.resilient_parsing:
        run = find_run()
        if run is None:
            raise typer.BadParameter("nothing to resume: the last text was spoken to its end")
        context.default_map = {**(context.default_map or {}), **run.options}
        context.obj = run
    return value


def options_to_keep(context: typer.Context) -> dict[str, Any]:
    """Return the options that a run was given, without those that may hold a password."""
    kept: dict[str, Any] = {}
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        is_given = source is not None and source.name != "DEFAULT"
        if is_given and name not in _NOT_KEPT and "@" not in str(value):
            kept[name] = [str(each) for each in value] if isinstance(value, list) else value
    return {name: str(v) if isinstance(v, Path) else v for name, v in kept.items()}


class RunKeeper:
    """An observer that keeps a run's place in its text; its events come from several threads.

    Nothing here raises because of the disk: a run whose place cannot be kept is spoken
    anyway. ``resumed`` is the run that this one continues.
    """

    def __init__(
        self,
        options: dict[str, Any],
        *,
        is_script: bool,
        file: Path | None,
        resumed: RunState | None = None,
    ) -> None:
        self._path = state_folder() / f"{os.urandom(6).hex()}.json"
        self._options = options
        self._is_script = is_script
        self._file = None if file is None else str(file.absolute())
        self._begin = 0  # of this run, in the file
        if resumed is not None and resumed.file is not None:
            self._file, self._begin = resumed.file, resumed.at - len(resumed.label)
        self._stamp = None if self._file is None else _stamp_of(self._file)
        self._resumed = resumed
        self._lock_fd: int | None = None
        self._unwritten: list[str] = []  # text read before the request left
        self._starts: list[tuple[int, str | None]] = []  # of each sentence; and its voice
        self._end = 0  # of the last of them
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
            _delete(self._path)
        else:
            self._note(heard_s)
        with suppress(OSError):
            os.close(self._lock_fd)
        for old in _states()[MOST_RUNS:]:
            _delete(old)

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
        if self._resumed is not None:  # this run is the one to resume now
            self._resumed.delete()

    def _write_text(self) -> None:
        if self._lock_fd is None:
            return
        text, self._unwritten = "".join(self._unwritten), []
        with suppress(OSError):
            os.write(self._lock_fd, text.encode("utf-8", "replace"))

    def _write(self) -> None:
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
            _log.debug("the place in the text is not kept: %s", error)


def _stamp_of(file: str) -> list[int] | None:
    with suppress(OSError):
        found = Path(file).stat()
        return [found.st_size, found.st_mtime_ns]
    return None


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.with_suffix(".txt").unlink(missing_ok=True)


def _states() -> list[Path]:
    """Return the files of all runs, the newest first."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        found += [(path.stat().st_mtime, path) for path in state_folder().glob("*.json")]
    return [path for _, path in sorted(found, reverse=True)]
