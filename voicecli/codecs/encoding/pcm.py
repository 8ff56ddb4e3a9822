"""Samples to headerless PCM: the samples are the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import to_int16
from voicecli.codecs.encoding.encoder import Chunk, PushEncoder
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio.pcm import Samples


class PcmEncoder(PushEncoder):
    """Signed 16-bit little-endian samples; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: any; the bytes do not state it.
        channels: 1 to 8; the bytes do not state them.

    Raises:
        ConfigError: a rate below 1.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if sample_rate_hz < 1:
            raise ConfigError(f"cannot encode samples at {sample_rate_hz} Hz")
        super().__init__(sample_rate_hz, channels)

    def _push(self, samples: Samples) -> Iterator[Chunk]:
        yield Chunk(little_endian(samples), self._fed_frames)

    def _finish(self) -> Iterator[Chunk]:
        yield from ()


def little_endian(samples: Samples) -> bytes:
    """Convert int16 or float32 samples to interleaved 16-bit little-endian bytes."""
    return to_int16(samples).astype("<i2", copy=False).tobytes()
