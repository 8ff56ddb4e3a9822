"""The files of one run in the folder of ``--debug-audio``.

::

    recordings/
      latest.wav -> 2026/11/2026-11-20T14-03-09_5f0c2a.wav
      2026/11/2026-11-20T14-03-09_5f0c2a.wav      the decoded audio
      2026/11/2026-11-20T14-03-09_5f0c2a.opus     the bytes as received
      2026/11/2026-11-20T14-03-09_5f0c2a.1.opus   those of the second request, and so on
      2026/11/2026-11-20T14-03-09_5f0c2a.json     the run's metrics

While it is being written, a file ends in ``.part``. What a killed run left is put in place
by the next one.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicecli.recording.audiofile import AudioFile, make_folder
from voicecli.recording.partfile import PRIVATE, SUFFIX, is_locked_by_others, save_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_OPEN = 32
"""Answers that may be under way at once."""


class ReceivedFile:
    """The received bytes, under a provisional name until their format is known."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self.is_in_place = False
        self.has_failed = False
        self._mode = mode
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            SaveError: for example, the disk is full.
        """
        if self.has_failed:
            return
        with save_errors(self.path):
            if self._file is None:
                self._file = open(self.path, "xb", buffering=0, opener=self._open)  # noqa: SIM115
                is_locked_by_others(self._file.fileno())
            while data:
                data = data[self._file.write(data) :]

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags, self._mode)

    def close(self) -> None:
        """Close the file once its answer is complete, so that few files are open."""
        if self._file is not None:
            self._file.close()

    def finish(self, path: Path) -> None:
        """Put the file in place, if there is one.

        Raises:
            SaveError: it cannot be renamed.
        """
        if self._file is None:
            return
        with save_errors(path):
            self.close()
            self.path = self.path.replace(path)
        self.is_in_place = True


class DebugFolder:
    """The files of one run. ``is_private`` makes them and their folders the owner's only."""

    def __init__(
        self, folder: Path, run_id: str, started_wall_s: float, *, is_private: bool = False
    ) -> None:
        started = time.localtime(started_wall_s)
        self._folder = folder
        self._is_private = is_private
        self._mode = PRIVATE if is_private else 0o666
        self._month = Path(time.strftime("%Y", started)) / time.strftime("%m", started)
        self._stem = f"{time.strftime('%Y-%m-%dT%H-%M-%S', started)}_{run_id}"
        self._is_made = False
        self.wav = AudioFile(self._path("wav"), "wav", mode=self._mode)
        self._received: dict[int, ReceivedFile] = {}

    def make(self) -> list[Path]:
        """Create the folder, and put in place and return what killed runs left; idempotent.

        Raises:
            SaveError: it cannot be created.
        """
        if self._is_made:
            return []
        month = self._folder / self._month
        make_folder(month, 0o700 if self._is_private else 0o777)
        if self._is_private:
            with suppress(OSError):  # an earlier version may have left it open
                self._folder.chmod(0o700)
        self._is_made = True
        return [path for part in sorted(month.glob(f"*{SUFFIX}")) if (path := _in_place(part))]

    def received(self, number: int) -> ReceivedFile:
        """Return the file of an utterance's answer; those before it are complete."""
        if number not in self._received:
            path = self._path(f"{_infix(number)}received{SUFFIX}")
            self._received[number] = ReceivedFile(path, self._mode)
            if (earlier := self._received.get(number - _MAX_OPEN)) is not None:
                earlier.close()
        return self._received[number]

    def all_received(self) -> list[tuple[int, ReceivedFile]]:
        """Return the files of all answers, in order."""
        return sorted(self._received.items())

    def received_path(self, number: int, raw_format: str) -> Path:
        """Return where the received bytes go; a WAV must not replace the decoded one."""
        extension = "received.wav" if raw_format == "wav" else raw_format
        return self._path(f"{_infix(number)}{extension}")

    def write_metrics(self, metrics: Mapping[str, object]) -> None:
        """Write the run's metrics.

        Raises:
            SaveError: they cannot be written.
        """
        path = self._path("json")
        self.make()
        text = json.dumps(metrics, indent=2, allow_nan=False)
        with save_errors(path):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self._mode)
            with os.fdopen(file, "w", encoding="utf-8") as written:
                written.write(text + "\n")

    def link_latest(self) -> None:
        """Point ``latest.wav`` at this run, if the file system has links."""
        link = self._folder / "latest.wav"
        fresh = self._folder / f".latest-{os.urandom(4).hex()}"
        try:
            fresh.symlink_to(self._month / self.wav.path.name)
            fresh.replace(link)
        except (OSError, NotImplementedError):
            with suppress(OSError):
                fresh.unlink()

    def _path(self, extension: str) -> Path:
        return self._folder / self._month / f"{self._stem}.{extension}"


def _infix(number: int) -> str:
    """Return the part of a file's name that numbers the answer; empty for the first."""
    return f"{number}." if number else ""


def _in_place(part: Path) -> Path | None:
    """Give a part its name, unless another run is writing it or the name is taken."""
    path = part.with_name(part.name.removesuffix(SUFFIX))
    try:
        with part.open("rb") as file:
            if path.exists() or is_locked_by_others(file.fileno()):
                return None
            part.rename(path)
    except OSError:
        return None
    return path
