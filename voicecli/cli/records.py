"""What a run leaves behind: saved audio, event log, trace and report."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from voicecli.cli.output import print_message
from voicecli.errors import SaveError

if TYPE_CHECKING:
    from voicecli.recording.saver import Saver


READER_S = 1.0
"""How long the reader of a pipe may take to make room."""


class Records(NamedTuple):
    """What a run is to leave behind, by its flags.

    ``debug_audio`` is a folder; "" means the platform's.
    """

    save: Path | None = None
    debug_audio: str | None = None
    event_log: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    fail_on_underrun: bool = False
    trace: Path | None = None
    trace_audio: bool = False
    subtitles: Path | None = None
    save_as: str | None = None

    def check(self) -> None:
        """Check the options against each other.

        Raises:
            typer.BadParameter: one needs or excludes another, ``--save`` names no format, or
                standard output is taken.
        """
        if self.quiet and self.verbose:
            raise typer.BadParameter("--quiet and --verbose cannot be combined")
        if self.trace_audio and self.trace is None:
            raise typer.BadParameter("--trace-audio requires --trace FILE")
        if self.save is None and self.save_as is not None:
            raise typer.BadParameter("--save-as requires --save FILE")
        if self.save is not None:
            self._check_save(self.save)

    def _check_save(self, save: Path) -> None:
        from voicecli.codecs.formats import CODECS, codec_for_suffix  # noqa: PLC0415  rarely needed
        from voicecli.recording.streamfile import STANDARD_OUTPUT, is_stream  # noqa: PLC0415

        if save == STANDARD_OUTPUT:
            if self.json:
                raise typer.BadParameter("--json and --save - cannot both write to standard output")
            if sys.stdout is not None and sys.stdout.isatty():
                raise typer.BadParameter("standard output is a terminal: pipe it into a program")
        elif save.suffix and not (self.save_as or codec_for_suffix(str(save)) or is_stream(save)):
            known = ", ".join(codec.suffixes[0] for codec in CODECS.values())
            raise typer.BadParameter(
                f"--save: {save.suffix!r} is not one of {known}; --save-as names the format"
            )

    def warn(self, warning: str) -> None:
        """Print a warning unless the run is quiet."""
        if not self.quiet:
            print_message(f"warning: {warning}")

    @property
    def keeps_audio(self) -> bool:
        """Whether any audio is written to files."""
        return self.save is not None or self.debug_audio is not None

    def with_folder(self, folder: Path | None) -> Records:
        """Use ``folder`` if the flag named none."""
        if self.debug_audio != "" or folder is None:
            return self
        return self._replace(debug_audio=str(folder))

    def saver(self, run_id: str, started_wall_s: float) -> Saver | None:
        """Make the saver for a run, None if no audio is kept."""
        if not self.keeps_audio:
            return None
        from voicecli.recording.saver import Saver, recordings_dir  # noqa: PLC0415  rarely needed

        folder = None
        if self.debug_audio is not None:
            folder = Path(self.debug_audio).expanduser() if self.debug_audio else recordings_dir()
        return Saver(
            self.save,
            folder,
            run_id=run_id,
            started_wall_s=started_wall_s,
            codec=self.save_as,
            is_private=self.debug_audio == "",
        )


class LineFile(io.TextIOBase):
    """A text file for appending that never raises: `error` is the first thing that went wrong.

    What one call writes is in the file, in one piece, when the call returns, so
    several runs may append to one file. ``truncate`` empties it first. After an
    error nothing more is written. A pipe must have a reader, which is waited for if
    it is slow, but never for longer than `READER_S`. `write` may be called from any
    thread, one at a time.
    """

    def __init__(self, path: Path, *, truncate: bool = False) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.error: SaveError | None = None
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        if truncate:
            flags |= os.O_TRUNC
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            self._fail(error)

    def write(self, text: str, /) -> int:
        """Append ``text``; characters that UTF-8 lacks (from file names) become JSON escapes."""
        data = text.encode("utf-8", errors="backslashreplace")
        try:
            while data and self._descriptor is not None and self.error is None:
                data = data[self._write_some(self._descriptor, data) :]
        except OSError as error:
            self._fail(error)
        return len(text)

    @staticmethod
    def _write_some(descriptor: int, data: bytes) -> int:
        if not select.select([], [descriptor], [], READER_S)[1]:
            raise OSError(errno.ENXIO, "no reader")
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # a pipe whose room another writer took
            return 0

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()

    def _fail(self, error: OSError) -> None:
        reason = error.strerror
        if error.errno == errno.ENXIO:
            reason = "nothing reads from this pipe"
        elif error.errno == errno.ENOENT:
            reason = f"there is no folder {self._path.parent}"
        self.error = SaveError(f"cannot write {self._path}: {reason or error}")
