"""`AudioFormat` and `Pcm`: a rate and channels, and a block of samples that has them.

A **sample** is one number; a **frame** is one sample per channel, taken at the
same instant. Counts in this package are frames unless a name says otherwise,
and positions in a stream are frames since its first.

numpy is imported inside functions: loading it takes longer than a local server
needs to answer, so it loads while the server works.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    # int16 or float32, of shape (frames, channels); numpy's types cannot say that.
    Samples: TypeAlias = NDArray[Any]

SampleType = Literal["int16", "float32"]

BYTES_PER_SAMPLE: dict[SampleType, int] = {"int16": 2, "float32": 4}

NO_SPEAKERS = 1 << 31
"""The value of `Pcm.speakers` for channels that are not for any speaker in particular."""

INT16_FULL_SCALE = 32768
"""The int16 magnitude of float 1.0: −1.0 is representable, +1.0 clips to 32767."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Rate, channels and sample type of a stretch of PCM."""

    rate_hz: int
    channels: int
    sample_type: SampleType = "int16"

    @property
    def bytes_per_frame(self) -> int:
        """Bytes in one interleaved frame."""
        return self.channels * BYTES_PER_SAMPLE[self.sample_type]

    def frames(self, duration_s: float) -> int:
        """Return the whole number of frames nearest to ``duration_s`` seconds."""
        return round(duration_s * self.rate_hz)

    def duration_s(self, frames: int) -> float:
        """Return how many seconds ``frames`` frames last."""
        return frames / self.rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Pcm:
    """A block of decoded audio and its rate, which may change within a chained stream.

    Never write to ``samples``: it may be a view of the received bytes.

    Args:
        samples: C-contiguous, of shape (frames, channels), int16 or float32 (full
            scale ±1.0, not clipped).
        rate_hz: frames per second.
        speakers: which speaker each channel is for, as the mask of WAVE files; 0 for the
            usual order of so many channels (`voicecli.audio.downmix`), or `NO_SPEAKERS`.
    """

    samples: Samples
    rate_hz: int
    speakers: int = 0

    @property
    def channels(self) -> int:
        """Samples per frame."""
        return int(self.samples.shape[1])

    @property
    def frames(self) -> int:
        """Frames in the block."""
        return int(self.samples.shape[0])

    @property
    def format(self) -> AudioFormat:
        """Rate, channels and sample type of the block."""
        sample_type: SampleType = "int16" if self.samples.dtype.kind == "i" else "float32"
        return AudioFormat(self.rate_hz, self.channels, sample_type)

    @property
    def duration_s(self) -> float:
        """Seconds that the block lasts."""
        return self.frames / self.rate_hz

    def with_samples(self, samples: Samples) -> Pcm:
        """Return a block of other samples at the same rate, for the same speakers."""
        return Pcm(samples, self.rate_hz, self.speakers)


def join_blocks(blocks: list[Pcm]) -> Iterator[Pcm]:
    """Join adjacent blocks of the same format: work on a block has a cost whatever its length."""
    import numpy as np  # noqa: PLC0415  numpy loads while the server works

    for _, group in groupby(blocks, lambda block: (block.format, block.speakers)):
        run = list(group)
        samples = [block.samples for block in run]
        yield run[0] if len(run) == 1 else run[0].with_samples(np.concatenate(samples))


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Convert to int16: scale float32 by 32768, round and clip; return int16 as is."""
    import numpy as np  # noqa: PLC0415  numpy loads while the server works

    if samples.dtype == np.int16:
        return samples
    scaled = np.rint(samples * np.float32(INT16_FULL_SCALE))
    clipped: NDArray[np.int16] = np.clip(scaled, -INT16_FULL_SCALE, INT16_FULL_SCALE - 1).astype(
        np.int16
    )
    return clipped


def to_float32(samples: Samples) -> NDArray[np.float32]:
    """Convert to float32: divide int16 by 32768 (exact); return float32 as is."""
    import numpy as np  # noqa: PLC0415  numpy loads while the server works

    if samples.dtype == np.float32:
        return samples
    return np.multiply(samples, np.float32(1 / INT16_FULL_SCALE), dtype=np.float32)


def clip_floats(samples: Samples, limit: float = 1.0) -> Samples:
    """Clip float samples to ±``limit`` and silence NaN; return them as is if within it.

    A NaN would stay in the filters of a codec for good.
    """
    import numpy as np  # noqa: PLC0415  numpy loads while the server works

    # Comparing with NaN gives False.
    if samples.size == 0 or (samples.max() <= limit and samples.min() >= -limit):
        return samples
    clipped: Samples = np.clip(np.nan_to_num(samples, nan=0.0), -limit, limit)
    return clipped
