"""The files in which the place of a run in its text is kept, for ``say --resume``.

Each run that speaks a text has two files in the state folder, for its owner only: the text as
it was read (empty if it is in a file, which is read again), and an object of the options it was
given and the place of the sentence that is being heard. A run that was spoken to its end
deletes them. The text file is locked while the run lasts, and while another continues it, so that
`find_run` never takes over what another process is speaking; the kernel releases the lock
however the process ends. `voicecli.cli.resume` writes them.
"""

from __future__ import annotations

import fcntl
import json
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from voicecli.cli.rest_of_text import RestOfText
from voicecli.cli.text_input import GivenText, TextReading, open_text
from voicecli.config.regularfile import open_regular

if TYPE_CHECKING:
    from voicecli.cli.text_input import TextInput

_MAX_BYTES = 64 << 20
_MAX_STATE_BYTES = 16 << 20


class InterruptedRun(NamedTuple):
    """A run that was not spoken to its end: its ``options``, and what is left of its text.

    ``file`` is the file that the text is in, ``at`` how many characters of it were spoken,
    ``stamp`` how large it was and when it was changed; without a file ``text`` is what is
    left. ``voice`` speaks the line of a script that the run was in. No other process finds the
    run while ``lock`` is open.
    """

    path: Path
    options: dict[str, Any]
    is_script: bool
    file: str | None
    at: int
    text: str
    voice: str | None
    stamp: list[int] | None
    lock: BinaryIO

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
        if self.stamp != stamp_of(self.file):
            reading.warn(f"{self.file} has changed; continuing after as many characters as before")
        return RestOfText(text, self.at, self.label)

    def delete(self) -> None:
        """Forget the run."""
        delete_files(self.path)


def state_folder() -> Path:
    """Return the folder of the runs' files, which may not exist yet."""
    import platformdirs  # noqa: PLC0415  after the request

    return platformdirs.user_state_path("voicecli", appauthor=False) / "runs"


def find_run() -> InterruptedRun | None:
    """Return the newest run that was interrupted or failed, None if there is none.

    The caller closes its lock.
    """
    for path in kept_runs():
        with ExitStack() as opened:
            try:
                lock = opened.enter_context(open_regular(path.with_suffix(".txt")))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run = _read_run(path, lock)
            except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
                continue
            opened.pop_all()
            return run
    return None


def _read_run(path: Path, lock: BinaryIO) -> InterruptedRun:
    read = lock.read(_MAX_BYTES).decode("utf-8", "replace")
    with open_regular(path) as kept:
        state = json.loads(kept.read(_MAX_STATE_BYTES))
    at, file = int(state["at"]), state["file"]
    left = "" if file is not None else read[at:]
    voice, is_script = state.get("voice"), bool(state["script"])
    voice = voice if isinstance(voice, str) else None
    options, stamp = dict(state["options"]), state.get("stamp")
    return InterruptedRun(path, options, is_script, file, at, left, voice, stamp, lock)


def stamp_of(file: str) -> list[int] | None:
    """Return the size of a file and when it was changed; None if it cannot be read."""
    with suppress(OSError):
        found = Path(file).stat()
        return [found.st_size, found.st_mtime_ns]
    return None


def delete_files(path: Path) -> None:
    """Delete both files of a run, those that exist."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.with_suffix(".txt").unlink(missing_ok=True)


def kept_runs() -> list[Path]:
    """Return the state files of all runs, the newest first."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        found += [(path.stat().st_mtime, path) for path in state_folder().glob("*.json")]
    return [path for _, path in sorted(found, reverse=True)]
