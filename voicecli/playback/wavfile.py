"""A WAV file that is valid at every moment, and appears under its name only when whole.

RIFF puts the sizes before the data, so a writer that fills them in at the end
leaves a broken file when it is killed. Here the header is written again after
every block, after the block itself: at any instant it describes audio that is
there. Nothing is buffered in the process, so ``kill -9`` loses the block being
written and no more; what survives is the hidden file beside the target.

The layout is the canonical 44-byte header of 16-bit PCM (Multimedia Programming
Interface and Data Specifications 1.0, IBM and Microsoft 1991, chapter 3)::

    0  "RIFF" size+36 "WAVE"          36  "data" size
    12 "fmt " 16 tag channels rate bytes/s bytes/frame bits     44  frames, little-endian
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from voicecli.audio import to_int16
from voicecli.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from voicecli.audio import Samples

HEADER_BYTES = 44

MAX_DATA_BYTES = 0xFFFFFFFF - (HEADER_BYTES - 8)
"""What RIFF's 32-bit sizes can tell: 4 GiB, 24 hours of 24 kHz mono."""

_PCM = 1  # WAVE_FORMAT_PCM
_SAMPLE_BYTES = 2


def wav_header(rate_hz: int, channels: int, data_bytes: int) -> bytes:
    """The 44 bytes in front of ``data_bytes`` of interleaved 16-bit little-endian PCM."""
    frame_bytes = channels * _SAMPLE_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        channels,
        rate_hz,
        rate_hz * frame_bytes,
        frame_bytes,
        8 * _SAMPLE_BYTES,
        b"data",
        data_bytes,
    )


@contextmanager
def save_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusals into a `SaveError` that names the file that was asked for."""
    try:
        yield
    except OSError as error:
        raise SaveError(f"cannot save {path}: {error.strerror or error}") from error


class WavWriter:
    """Writes one 16-bit WAV beside its target and puts it in place at the end.

    ``path`` may be a symbolic link: the file it leads to is replaced, the link
    stays. The folder must exist. Permissions follow the umask. Driven by one
    thread at a time; ends with `finish` or `discard`. After a `SaveError` from
    `write` the file still holds every block before it, and either end is open.

    Raises:
        SaveError: the folder takes no file, or the target is no regular file.
    """

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self.channels = channels
        self.frames = 0
        """Frames that the header vouches for."""
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._target = path.resolve() if path.is_symlink() else path
        self._temporary = self._target.parent / f".voicecli-{os.urandom(4).hex()}.wav"
        self._file: int | None = None
        with save_errors(self.path):
            self._refuse_devices()
            # O_EXCL: a name that someone planted is not followed. 0o666: less the umask.
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            self._write_header()
        except SaveError:
            self.discard()
            raise

    def write(self, samples: Samples) -> None:
        """Append frames of shape (frames, channels), int16 or float32 (full scale ±1.0).

        Blocks should last a second or less: a block is what a crash can lose.

        Raises:
            SaveError: the disk is full, the 4 GiB limit is reached, and the like.
        """
        data = to_int16(samples).astype("<i2", copy=False).tobytes()
        end = HEADER_BYTES + self.frames * self._frame_bytes
        if end - HEADER_BYTES + len(data) > MAX_DATA_BYTES:
            raise SaveError(f"cannot save {self.path}: a WAV file ends at 4 GiB")
        with save_errors(self.path):
            _write_at(self._descriptor, data, end)
        self.frames += len(data) // self._frame_bytes
        self._write_header()

    def truncate_to(self, frames: int) -> None:
        """Shorten to ``frames`` frames, as after an interrupt; a longer count changes nothing.

        Raises:
            SaveError: the file system refuses.
        """
        if frames >= self.frames:
            return
        self.frames = max(0, frames)
        self._write_header()  # first: in between there may be too much data, never too little
        with save_errors(self.path):
            os.ftruncate(self._descriptor, HEADER_BYTES + self.frames * self._frame_bytes)

    def finish(self) -> None:
        """Put the file under its name, replacing what was there, in one step.

        Raises:
            SaveError: the data does not reach the disk, or the target has become
                a folder; nothing is left behind, and an existing file is as it was.
        """
        try:
            with save_errors(self.path):
                # Bytes of a block that failed half-way lie behind the frames that count.
                os.ftruncate(self._descriptor, HEADER_BYTES + self.frames * self._frame_bytes)
                os.fsync(self._descriptor)
                self._temporary.replace(self._target)
        except SaveError:
            self.discard()
            raise
        self._close()

    def discard(self) -> None:
        """Leave no trace; does nothing after `finish` or `discard`. Never raises."""
        if self._file is not None:
            self._close()
            with suppress(OSError):
                self._temporary.unlink()

    @property
    def _descriptor(self) -> int:
        assert self._file is not None, "the file is finished or discarded"
        return self._file

    def _write_header(self) -> None:
        header = wav_header(self.rate_hz, self.channels, self.frames * self._frame_bytes)
        with save_errors(self.path):
            _write_at(self._descriptor, header, 0)

    def _refuse_devices(self) -> None:
        """Replacing /dev/null by a file is within root's rights and nobody's wish."""
        if self._target.exists() and not stat.S_ISREG(self._target.stat().st_mode):
            raise SaveError(f"cannot save {self.path}: it is there and is not a regular file")

    def _close(self) -> None:
        file, self._file = self._descriptor, None
        with suppress(OSError):  # the data was fsynced, or is not wanted
            os.close(file)


def _write_at(file: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at ``offset``: a nearly full disk takes a part, then refuses."""
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written
