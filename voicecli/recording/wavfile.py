"""A WAV file that is valid at every moment, even while it is being written.

RIFF puts the sizes before the data, so a writer that fills them in at the end leaves
a broken file if it is killed. Here the header is rewritten after every block and only
describes audio that is there: ``kill -9`` loses at most the block being written. What
survives is the ``.part`` of `voicecli.recording.partfile`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import to_int16
from voicecli.audio.wavheader import HEADER_BYTES, MAX_DATA_BYTES, wav_header
from voicecli.errors import SaveError
from voicecli.recording.loudness import LoudnessMeter

if TYPE_CHECKING:
    from voicecli.audio.pcm import Samples
    from voicecli.recording.partfile import PartFile

_SAMPLE_BYTES = 2


class WavWriter:
    """Writes a 16-bit WAV to ``part``; `finish` puts it in place.

    One thread at a time. After a `SaveError` from `write` the file has every block before
    it, and can be finished.

    Raises:
        SaveError: the header cannot be written; the part is gone.
    """

    def __init__(self, part: PartFile, rate_hz: int, channels: int) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        """Frames that the header describes."""
        self._meter = LoudnessMeter(rate_hz, channels)
        self._channels = channels
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._part = part
        try:
            self._write_header()
        except SaveError:
            self._part.discard()
            raise

    def write(self, samples: Samples) -> None:
        """Append frames of shape (frames, channels), int16 or float32 (full scale ±1.0).

        A crash can lose a block, so blocks should last a second or less.

        Raises:
            SaveError: for example, the disk is full, or the file reaches 4 GiB.
        """
        samples = to_int16(samples)
        data = samples.astype("<i2", copy=False).tobytes()
        if self._size_bytes - HEADER_BYTES + len(data) > MAX_DATA_BYTES:
            raise SaveError(f"cannot save {self._part.path}: a WAV file is limited to 4 GiB")
        self._part.write_at(data, self._size_bytes)
        self.frames += len(data) // self._frame_bytes
        self._write_header()
        self._meter.feed(samples)

    def truncate_to(self, frames: int) -> None:
        """Shorten the file to ``frames`` frames, for example after an interrupt.

        Raises:
            SaveError: the file system refuses.
        """
        if frames >= self.frames:
            return
        self.frames = max(0, frames)
        self._write_header()  # before the data: never describe audio that is not there
        self._part.truncate(self._size_bytes)
        self._meter = LoudnessMeter(self.rate_hz, self._channels)
        block_bytes = self.rate_hz * self._frame_bytes
        for offset in range(HEADER_BYTES, self._size_bytes, block_bytes):
            data = self._part.read_at(min(block_bytes, self._size_bytes - offset), offset)
            self._meter.feed(np.frombuffer(data, "<i2").reshape(-1, self._channels))

    def measure(self) -> dict[str, float | None]:
        """Return the file's loudness and silence, as `LoudnessMeter.result`."""
        return self._meter.result()

    def end(self) -> None:
        """Do nothing: the file is complete after every block."""

    def finish(self) -> None:
        """Put the file in place; see `PartFile.finish`.

        Raises:
            SaveError: the file cannot be put in place.
        """
        self._part.finish(self._size_bytes)  # without the bytes of a block that failed midway

    @property
    def _size_bytes(self) -> int:
        return HEADER_BYTES + self.frames * self._frame_bytes

    def _write_header(self) -> None:
        header = wav_header(self.rate_hz, self._channels, self.frames * self._frame_bytes)
        self._part.write_at(header, 0)
