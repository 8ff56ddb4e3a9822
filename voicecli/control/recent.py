"""Keep the last utterances in the user's runtime folder, for ``voicecli replay``.

That folder is the user's own and usually in memory; it is empty after a restart.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO

from voicecli.audio.pcm import to_int16
from voicecli.audio.wavheader import HEADER_BYTES, wav_header
from voicecli.control.runtime import RuntimeFolderError, make_subfolder
from voicecli.telemetry.events import Decoded

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat
    from voicecli.telemetry.events import Event

MAX_FILES = 8
"""How many utterances are kept."""

MAX_BYTES = 16 << 20
"""Bound on the sound of one: six minutes at 24 kHz. The rest is not kept."""

MAX_TOTAL_BYTES = 48 << 20
"""Bound on all of them."""


class RecentSpeech:
    """An observer that keeps the sound of one run, as a WAV of 16 bits.

    ``folder`` is the runtime folder, ``name`` sorts by time. `close` makes it the latest
    utterance. A file that cannot be written is not an error: there is nothing to replay then.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._path = os.path.join(make_subfolder(folder, "recent"), f"{name}.wav")
        self._file: BinaryIO | None = None
        self._format: AudioFormat | None = None
        self._bytes = 0
        self._is_full = False

    def __call__(self, event: Event, /) -> None:
        """Keep what was decoded."""
        if isinstance(event, Decoded) and not self._is_full:
            format = event.pcm.format
            data = to_int16(event.pcm.samples).astype("<i2", copy=False).tobytes()
            self._format = self._format or format
            first = self._format
            is_like = (format.rate_hz, format.channels) == (first.rate_hz, first.channels)
            self._is_full = not is_like or self._bytes + len(data) > MAX_BYTES
            if not self._is_full:
                self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                descriptor = os.open(f"{self._path}.part", flags, 0o600)
                self._file = os.fdopen(descriptor, "wb", buffering=0)
                self._file.write(bytes(HEADER_BYTES))
            self._file.write(data)
            self._bytes += len(data)
        except OSError:
            self._is_full = True

    def close(self) -> None:
        """Finish the file, and delete the oldest beyond the bounds; idempotent."""
        file, self._file = self._file, None
        if file is None or self._format is None:
            return
        with contextlib.suppress(OSError), file:
            file.seek(0)
            file.write(wav_header(self._format.rate_hz, self._format.channels, self._bytes))
            os.rename(f"{self._path}.part", self._path)
        with contextlib.suppress(OSError):  # the folder may be gone with the login
            _prune(os.path.dirname(self._path))


def recent_files(folder: str) -> list[str]:
    """Return the files of the last utterances, the latest first.

    Raises:
        RuntimeFolderError: the folder cannot be used.
    """
    where = make_subfolder(folder, "recent")
    try:
        names = sorted((name for name in os.listdir(where) if name.endswith(".wav")), reverse=True)
    except OSError as error:
        raise RuntimeFolderError(f"cannot read {where}: {error.strerror}") from error
    return [os.path.join(where, name) for name in names]


def _prune(where: str) -> None:
    """Delete the oldest files, also those of runs that were killed, down to the bounds."""
    total = 0
    for count, name in enumerate(sorted(os.listdir(where), reverse=True), 1):
        path = os.path.join(where, name)
        with contextlib.suppress(OSError):
            total += os.stat(path).st_size
            if count > MAX_FILES or total > MAX_TOTAL_BYTES:
                os.unlink(path)
