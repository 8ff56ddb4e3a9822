"""A ring buffer of frames for one writer and one reader, without a lock.

Each counter has one owner: ``written`` belongs to the writer, ``read`` to the reader. Each
side reads the other's counter once and sees its old or its new value. Both are safe: the
writer may find less room than there is, the reader fewer frames than there are, never more.
In CPython, storing and loading an attribute is atomic, and the copy is done before the
counter moves. (PortAudio's ``pa_ringbuffer.c`` works the same way, with barriers.)

Frames that were read stay in place until they are overwritten, so the reader can go back. It
may also go ahead of the writer: what is written before its position is then not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat, Samples


class Ring:
    """Frames between the decoder thread and the thread or callback that feeds the device.

    ``capacity_frames`` may wait to be read; at least ``kept_frames`` behind the furthest
    one read can be read again. Preallocated; both sides copy slices. The reader never
    blocks, locks or raises, and allocates only views.
    """

    def __init__(self, capacity_frames: int, format: AudioFormat, kept_frames: int = 0) -> None:
        if capacity_frames < 1:
            raise ValueError("a ring holds at least one frame")
        self._size = capacity_frames + kept_frames
        self._frames = np.zeros((self._size, format.channels), dtype=format.sample_type)
        self._capacity = capacity_frames
        self._kept = kept_frames
        self._written = 0
        self._read = 0
        self._furthest = 0

    @property
    def written(self) -> int:
        """Frames written since the beginning; any thread."""
        return self._written

    @property
    def read(self) -> int:
        """The position of the next frame to be read; any thread."""
        return self._read

    @property
    def readable(self) -> int:
        """Frames buffered: at least this many for the reader, at most for the writer."""
        return max(0, self._written - self._read)

    @property
    def kept_from(self) -> int:
        """The position of the first frame that can still be read; any thread."""
        return max(0, self._furthest - self._kept)

    def write(self, samples: Samples) -> int:
        """Copy in as many frames as fit and return their count; writer only."""
        room = max(0, self._capacity - (self._written - self._read))
        count: int = min(room, samples.shape[0])
        start = self._written % self._size
        head = min(count, self._size - start)
        self._frames[start : start + head] = samples[:head]
        if head < count:
            self._frames[: count - head] = samples[head:count]
        self._written += count
        return count

    def read_into(self, out: Samples) -> int:
        """Copy out up to ``len(out)`` frames and return their count; reader only.

        Frames of ``out`` beyond that count are left as they were.
        """
        count: int = min(self.readable, out.shape[0])
        start = self._read % self._size
        head = min(count, self._size - start)
        out[:head] = self._frames[start : start + head]
        if head < count:
            out[head:count] = self._frames[: count - head]
        self._read += count
        self._furthest = max(self._furthest, self._read)
        return count

    def seek(self, position: int) -> None:
        """Continue reading at ``position``, or as near to it as frames are kept; reader only."""
        self._read = max(self.kept_from, position)
        self._furthest = max(self._furthest, self._read)
