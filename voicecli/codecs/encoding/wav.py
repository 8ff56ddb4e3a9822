"""Samples to WAV, whose sizes stand before what they measure.

In a stream nobody knows them yet. 0xFFFFFFFF in both fields is what OpenAI's and
most other servers send, and what players take for "until the end". A file gets
true sizes from the header patch, unless it has outgrown their 32 bits; then it
stays as it was, which every player takes.

The layout is the canonical 44 bytes of 16-bit PCM (IBM and Microsoft, Multimedia
Programming Interface and Data Specifications 1.0, chapter 3).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from voicecli.codecs.encoding.pcm import little_endian
from voicecli.codecs.encoding.push import Coded, PushEncoder
from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.audio import Samples

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BEFORE_SIZE_BYTES = 8  # RIFF's size does not count its own field, nor the four letters
_UNKNOWN_SIZE = 0xFFFF_FFFF
_MOST_RATE_HZ = 768_000
_PCM, _BITS = 1, 16


class WavEncoder(PushEncoder):
    """16-bit RIFF/WAVE; see `voicecli.codecs.encoding.base.Encoder`.

    Args:
        sample_rate_hz: up to 768000, written as it is.
        channels: 1 or 2.

    Raises:
        ConfigError: no such rate.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if not 0 < sample_rate_hz <= _MOST_RATE_HZ:
            raise ConfigError(f"there is no WAV of {sample_rate_hz} Hz")
        super().__init__(sample_rate_hz, channels)

    def _push(self, samples: Samples) -> Iterator[Coded]:
        yield Coded(little_endian(samples), self._fed_frames)

    def _finish(self) -> Iterator[Coded]:
        yield from ()

    def _header(self) -> bytes:
        return self._with_sizes(_UNKNOWN_SIZE, _UNKNOWN_SIZE)

    def _patch(self) -> bytes | None:
        data_bytes = self._fed_frames * self._channels * _BITS // 8
        riff_bytes = _HEADER.size - _BEFORE_SIZE_BYTES + data_bytes
        return self._with_sizes(riff_bytes, data_bytes) if riff_bytes < _UNKNOWN_SIZE else None

    def _with_sizes(self, riff_bytes: int, data_bytes: int) -> bytes:
        align = self._channels * _BITS // 8
        return _HEADER.pack(
            *(b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, _PCM, self._channels),
            *(self._sample_rate_hz, self._sample_rate_hz * align, align, _BITS),
            *(b"data", data_bytes),
        )
