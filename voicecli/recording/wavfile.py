"""A WAV file that is valid at every moment, also while it is written.

RIFF puts the sizes before the data, so a writer that fills them in at the end
leaves a broken file when it is killed. Here the header is written again after
every block, after the block itself: at any instant it describes audio that is
there, and ``kill -9`` loses the block being written and no more; what survives
is the hidden file beside the target (`voicecli.recording.partfile`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import to_int16
from voicecli.audio.riff import HEADER_BYTES, MAX_DATA_BYTES, wav_header
from voicecli.errors import SaveError
from voicecli.recording.partfile import PartFile

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.audio.pcm import Samples

_SAMPLE_BYTES = 2


class WavWriter:
    """Writes one 16-bit WAV beside its target and puts it in place at the end.

    ``path`` is as for `PartFile`. Driven by one thread at a time; ends with
    `finish` or `discard`. After a `SaveError` from `write` the file still holds
    every block before it, and either end is open.

    Raises:
        SaveError: the folder takes no file, or the target is no regular file.
    """

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        self.rate_hz = rate_hz
        self.channels = channels
        self.frames = 0
        """Frames that the header vouches for."""
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._part = PartFile(path)
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
        if self._size_bytes - HEADER_BYTES + len(data) > MAX_DATA_BYTES:
            raise SaveError(f"cannot save {self._part.path}: a WAV file ends at 4 GiB")
        self._part.write_at(data, self._size_bytes)
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
        self._part.truncate(self._size_bytes)

    def finish(self) -> None:
        """Put the file under its name, replacing what was there, in one step.

        Raises:
            SaveError: as `PartFile.finish` says.
        """
        # Bytes of a block that failed half-way lie behind the frames that count.
        self._part.finish(self._size_bytes)

    def discard(self) -> None:
        """Leave no trace; does nothing after `finish` or `discard`. Never raises."""
        self._part.discard()

    @property
    def _size_bytes(self) -> int:
        return HEADER_BYTES + self.frames * self._frame_bytes

    def _write_header(self) -> None:
        header = wav_header(self.rate_hz, self.channels, self.frames * self._frame_bytes)
        self._part.write_at(header, 0)
