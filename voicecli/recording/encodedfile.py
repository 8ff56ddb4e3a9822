"""A file of any format, encoded as the sound comes.

Unlike a WAV (`voicecli.recording.wavfile`), an encoded file cannot be shortened
afterwards: its end is made by its encoder, and its header may count and sum up
everything in it. What may still have to go is therefore not encoded yet: the
last `HELD_S` wait, in memory, until so much more has come or the file is
finished. That is more than a sink takes ahead of the sound (`playback.policy`),
so an interrupt finds all that was not heard among what is held, and the file
ends with the last frame heard, as exactly as its format can say
(`voicecli.codecs.encoding.base` has the table).

A killed process leaves a hidden file beside the target, without what was held.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from voicecli.errors import SaveError
from voicecli.playback.policy import CAPACITY_S
from voicecli.recording.partfile import PartFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.encoding import Encoded, Encoder

HELD_S = 1.5 * CAPACITY_S
"""Sound that waits to be encoded: what a sink may hold, and room for blocks on their way."""


class EncodedWriter:
    """Writes what an encoder makes beside its target, and puts it in place at the end.

    ``rate_hz`` is that of the samples written, ``path`` as for `PartFile`. Driven
    by one thread at a time; ends with `end` and `finish`, or `discard`. After a
    `SaveError` from `write` or `end` the file holds the chunks before it, and
    either way to finish is open.

    Raises:
        SaveError: the folder takes no file, or the target is no regular file.
    """

    def __init__(
        self, path: Path, encoder: Encoder, rate_hz: int, *, held_s: float = HELD_S
    ) -> None:
        self.rate_hz = rate_hz
        self._encoder = encoder
        self._held: deque[Samples] = deque()
        self._held_frames = 0
        self._most_held = round(held_s * rate_hz)
        self._encoded_frames = 0
        self._size_bytes = 0
        self._is_broken = False
        self._part = PartFile(path)

    @property
    def frames(self) -> int:
        """Frames that the file will have."""
        return self._encoded_frames + self._held_frames

    def write(self, samples: Samples) -> None:
        """Take frames of shape (frames, channels), int16 or float32; they are kept, not copied.

        Raises:
            SaveError: the disk is full, and the like.
        """
        self._held.append(samples)
        self._held_frames += samples.shape[0]
        while self._held and self._held_frames - self._held[0].shape[0] >= self._most_held:
            self._encode_oldest()

    def truncate_to(self, frames: int) -> None:
        """Shorten to ``frames`` frames, as after an interrupt; a longer count changes nothing.

        Frames that are encoded already stay.
        """
        excess = min(self.frames - max(0, frames), self._held_frames)
        while excess > 0:
            newest = self._held.pop()
            kept = max(0, newest.shape[0] - excess)
            excess -= newest.shape[0] - kept
            self._held_frames -= newest.shape[0] - kept
            if kept:
                self._held.append(newest[:kept])

    def end(self) -> None:
        """Encode what is held, and give the file its end. Called once.

        Raises:
            SaveError: the disk is full, and the like.
        """
        if self._is_broken:
            return
        while self._held:
            self._encode_oldest()
        self._append(self._encoder.flush())
        header = self._encoder.header_patch()
        if header is not None:
            self._part.write_at(header, 0)

    def finish(self) -> None:
        """Put the file under its name, replacing what was there, in one step.

        Raises:
            SaveError: as `PartFile.finish` says.
        """
        self._part.finish(self._size_bytes)  # without a chunk that failed half-way

    def discard(self) -> None:
        """Leave no trace; does nothing after `finish` or `discard`. Never raises."""
        self._part.discard()

    def _encode_oldest(self) -> None:
        samples = self._held.popleft()
        self._held_frames -= samples.shape[0]
        self._encoded_frames += samples.shape[0]
        self._append(self._encoder.feed(samples))

    def _append(self, chunks: Iterable[Encoded]) -> None:
        for chunk in chunks:
            try:
                self._part.write_at(chunk.data, self._size_bytes)
            except SaveError:
                self._is_broken = True  # what comes after a hole would be noise
                raise
            self._size_bytes += len(chunk.data)
