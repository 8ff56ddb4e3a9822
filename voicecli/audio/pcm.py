"""What samples are: the one vocabulary that every stage shares.

A **sample** is one number; a **frame** is one sample per channel, taken at the
same instant. Counts in this package are frames unless a name says otherwise,
and positions in a stream are frames since its first.

numpy is named for type checkers only: importing it takes longer than a local
server needs to answer, so the stages that touch samples import it themselves.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # int16 or float32, of shape (frames, channels); numpy's types cannot say that.
    Samples: TypeAlias = NDArray[Any]

SampleType = Literal["int16", "float32"]

BYTES_PER_SAMPLE: dict[SampleType, int] = {"int16": 2, "float32": 4}

INT16_FULL_SCALE = 32768
"""The int16 magnitude that float 1.0 stands for (so −1.0 is representable, +1.0 clips to 32767)."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Rate, channels and sample type of a stretch of PCM."""

    rate_hz: int
    channels: int
    sample_type: SampleType = "int16"

    @property
    def bytes_per_frame(self) -> int:
        """Bytes that one interleaved frame takes."""
        return self.channels * BYTES_PER_SAMPLE[self.sample_type]

    def frames(self, duration_s: float) -> int:
        """Whole frames nearest to ``duration_s`` seconds."""
        return round(duration_s * self.rate_hz)

    def duration_s(self, frames: int) -> float:
        """Seconds that ``frames`` frames last."""
        return frames / self.rate_hz


class Pcm:
    """A block of decoded audio that says its own rate.

    Blocks carry their rate because the parts of a chained stream may differ in it.
    Whoever gets a block must not write to it: it may be a view of the bytes as they
    were received.

    Args:
        samples: C-contiguous, of shape (frames, channels), int16 or float32 (full
            scale ±1.0, not clipped).
        rate_hz: frames a second.
    """

    __slots__ = ("_samples", "channels", "octets", "rate_hz")

    def __init__(self, samples: Samples, rate_hz: int) -> None:
        self._samples: Samples | None = samples
        self.rate_hz = rate_hz
        self.channels: int = samples.shape[1]
        self.octets: memoryview | None = None
        """The samples as bytes in native order, where they are int16 and were bytes before."""

    @classmethod
    def of_octets(cls, octets: memoryview, rate_hz: int, channels: int) -> Pcm:
        """A block of int16 as it is sent: little-endian, interleaved, aligned, whole frames.

        It becomes an array only when ``samples`` are asked for: to make one takes longer
        than all else that such bytes need on their way.
        """
        if sys.byteorder != "little":
            return cls(_int16_view(octets, channels), rate_hz)
        block = cls.__new__(cls)
        block._samples = None  # noqa: SLF001  its own maker
        block.rate_hz = rate_hz
        block.channels = channels
        block.octets = octets
        return block

    @property
    def samples(self) -> Samples:
        """C-contiguous, of shape (frames, channels), int16 or float32."""
        samples = self._samples
        if samples is None:
            assert self.octets is not None
            samples = self._samples = _int16_view(self.octets, self.channels)
        return samples

    @property
    def frames(self) -> int:
        """Frames in the block."""
        if self.octets is not None:
            return len(self.octets) // (BYTES_PER_SAMPLE["int16"] * self.channels)
        return int(self.samples.shape[0])

    @property
    def format(self) -> AudioFormat:
        """Rate, channels and sample type of the block."""
        is_int16 = self.octets is not None or self.samples.dtype.kind == "i"
        return AudioFormat(self.rate_hz, self.channels, "int16" if is_int16 else "float32")

    @property
    def duration_s(self) -> float:
        """Seconds that the block lasts."""
        return self.frames / self.rate_hz


def _int16_view(octets: memoryview, channels: int) -> Samples:
    import numpy as np  # noqa: PLC0415  numpy loads while the server thinks

    return np.frombuffer(octets, "<i2").reshape(-1, channels)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Samples as int16: themselves, or float32 scaled by 32768, rounded and clipped."""
    import numpy as np  # noqa: PLC0415  numpy loads while the server thinks

    if samples.dtype == np.int16:
        return samples
    scaled = np.rint(samples * np.float32(INT16_FULL_SCALE))
    clipped: NDArray[np.int16] = np.clip(scaled, -INT16_FULL_SCALE, INT16_FULL_SCALE - 1).astype(
        np.int16
    )
    return clipped


def to_float32(samples: Samples) -> NDArray[np.float32]:
    """Samples as float32: themselves, or int16 divided by 32768 (exact)."""
    import numpy as np  # noqa: PLC0415  numpy loads while the server thinks

    if samples.dtype == np.float32:
        return samples
    return np.multiply(samples, np.float32(1 / INT16_FULL_SCALE), dtype=np.float32)
