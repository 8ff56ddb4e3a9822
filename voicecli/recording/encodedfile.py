"""A file of any format, encoded while the audio arrives.

Unlike a WAV, an encoded file cannot be shortened afterwards: the encoder writes its
end, and its header may describe all of it. The last `HELD_S` of audio are therefore
held in memory until more arrives or the file ends. On an interrupt, everything that
was not heard yet is still held, and the file ends with the last frame heard, as
exactly as its format allows (see the table in `voicecli.codecs.encoding.base`).

A killed process leaves the ``.part`` of `PartFile`, without the audio held.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from voicecli.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.encoding import Encoded, Encoder
    from voicecli.recording.partfile import PartFile

HELD_S = 45.0
"""Audio held before encoding: more than a sink buffers, plus blocks on their way."""


class EncodedWriter:
    """Writes the output of an encoder to ``part``; `finish` puts it in place.

    ``rate_hz`` is the rate of the samples written. One thread at a time: `write`, then
    perhaps `truncate_to`, then `end` and `finish`. After a `SaveError` the file has the
    chunks before it, and can be finished.
    """

    def __init__(
        self, part: PartFile, encoder: Encoder, rate_hz: int, *, held_s: float = HELD_S
    ) -> None:
        self.rate_hz = rate_hz
        self._encoder = encoder
        self._held: deque[Samples] = deque()
        self._held_frames = 0
        self._max_held_frames = round(held_s * rate_hz)
        self._encoded_frames = 0
        self._size_bytes = 0
        self._is_broken = False
        self._part = part

    @property
    def frames(self) -> int:
        """Frames that the file will have."""
        return self._encoded_frames + self._held_frames

    def write(self, samples: Samples) -> None:
        """Take frames of shape (frames, channels), int16 or float32; they are not copied.

        Raises:
            SaveError: for example, the disk is full.
        """
        self._held.append(samples)
        self._held_frames += samples.shape[0]
        while self._held and self._held_frames - self._held[0].shape[0] >= self._max_held_frames:
            self._encode_oldest()

    def truncate_to(self, frames: int) -> None:
        """Shorten to ``frames`` frames, for example after an interrupt.

        Frames that are already encoded stay.
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
        """Encode what is held, and write the end of the file. Called once.

        Raises:
            SaveError: for example, the disk is full.
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
        """Put the file in place; see `PartFile.finish`.

        Raises:
            SaveError: the file cannot be put in place.
        """
        self._part.finish(self._size_bytes)  # without a chunk that failed midway

    def measure(self) -> dict[str, float | None] | None:
        """Return None: only the samples of a WAV are what a player will play."""

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
                self._is_broken = True  # anything after the gap would be noise
                raise
            self._size_bytes += len(chunk.data)
