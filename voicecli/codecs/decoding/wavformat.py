"""The ``fmt`` chunk of a WAV, and the conversion of its samples."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voicecli.audio.pcm import Pcm, clip_floats
from voicecli.codecs.decoding.base import MAX_MAGNITUDE
from voicecli.codecs.formats import RATES_HZ
from voicecli.errors import CorruptStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

_FMT = struct.Struct("<HHIIHH")
_PCM, _IEEE_FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE

_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""Bytes 2 to 15 of every KSDATAFORMAT_SUBTYPE GUID that stands for a plain format tag."""

_UNSUPPORTED_TAGS = {
    0x0002: "Microsoft ADPCM",
    0x0006: "A-law",
    0x0007: "µ-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG layer I or II",
    0x0055: "MP3",
    0x0069: "IMA ADPCM",
    0x00FF: "AAC",
    0x0161: "Windows Media Audio",
    0x0401: "IMC",
    0x1610: "AAC",
    0x704F: "Opus",
    0xF1AC: "FLAC",
}

_MAX_CHANNELS = 64


class WavFormat(NamedTuple):
    """Layout of the samples in a ``data`` chunk.

    ``bytes_per_sample`` is the size of the container; samples of fewer bits fill it
    from the top, so their scale is that of the container.
    """

    rate_hz: int
    channels: int
    is_float: bool
    bytes_per_sample: int

    @property
    def bytes_per_frame(self) -> int:
        """Bytes in one interleaved frame."""
        return self.channels * self.bytes_per_sample

    @classmethod
    def parse(cls, chunk: bytes) -> WavFormat:
        """Parse the body of ``fmt``: 16 bytes or, for WAVE_FORMAT_EXTENSIBLE, 40.

        Raises:
            CorruptStream: too short, or implausible numbers.
            UnsupportedFormat: a coding other than PCM and IEEE float; the message names it.
        """
        if len(chunk) < _FMT.size:
            raise CorruptStream(f"the WAV format chunk has {len(chunk)} bytes, fewer than 16")
        tag, channels, rate_hz, _, align, bits = _FMT.unpack_from(chunk)
        if tag == _EXTENSIBLE and chunk[26:40] == _SUBFORMAT_TAIL:
            tag = int.from_bytes(chunk[24:26], "little")
        if tag not in (_PCM, _IEEE_FLOAT):
            name = _UNSUPPORTED_TAGS.get(tag, f"format 0x{tag:04X}")
            raise UnsupportedFormat(f"{name} in WAV is not supported, only PCM and float")
        if not (0 < channels <= _MAX_CHANNELS and rate_hz in RATES_HZ):
            raise CorruptStream(f"the WAV header claims {channels} channels at {rate_hz} Hz")
        size = align // channels if align and align % channels == 0 else 0
        if size * 8 < bits:
            size = (bits + 7) // 8  # some writers get the block size wrong; the bits prevail
        layout = cls(rate_hz, channels, tag == _IEEE_FLOAT, size)
        if (layout.is_float, size) not in _CONVERSIONS:
            kind = "float" if layout.is_float else "integer"
            raise UnsupportedFormat(f"WAV with {bits}-bit {kind} samples is not supported")
        return layout

    def block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Convert whole frames: ``size_bytes`` of ``data`` from byte ``at``.

        8 and 16 bits become int16, exactly; 24-bit, 32-bit and float become float32.
        16-bit and float32 samples are views of ``data`` if they are aligned.
        """
        convert = _CONVERSIONS[self.is_float, self.bytes_per_sample]
        flat = convert(data, at, size_bytes // self.bytes_per_sample)
        return Pcm(flat.reshape(-1, self.channels), self.rate_hz)


def _view(data: bytes, dtype: str, offset: int, count: int) -> Any:
    array = np.frombuffer(data, dtype, count, offset)
    return array if array.flags.aligned else array.copy()


def _from_uint8(data: bytes, offset: int, count: int) -> Any:
    """Unsigned, with silence at 128, as is every WAV of up to 8 bits."""
    return (np.frombuffer(data, np.uint8, count, offset).astype(np.int16) - 128) << 8


def _from_int16(data: bytes, offset: int, count: int) -> Any:
    return _view(data, "<i2", offset, count)


def _from_int24(data: bytes, offset: int, count: int) -> Any:
    """Use the upper bytes of int32; 24 bits fit the significand of float32, so it is exact."""
    wide = np.zeros((count, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8, count * 3, offset).reshape(count, 3)
    return wide.view("<i4").reshape(count).astype(np.float32) * np.float32(2.0**-31)


def _from_int32(data: bytes, offset: int, count: int) -> Any:
    return _view(data, "<i4", offset, count).astype(np.float32) * np.float32(2.0**-31)


def _from_float32(data: bytes, offset: int, count: int) -> Any:
    return clip_floats(_view(data, "<f4", offset, count), MAX_MAGNITUDE)


def _from_float64(data: bytes, offset: int, count: int) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        return clip_floats(_view(data, "<f8", offset, count).astype(np.float32), MAX_MAGNITUDE)


_CONVERSIONS: dict[tuple[bool, int], Callable[[bytes, int, int], Any]] = {
    (False, 1): _from_uint8,
    (False, 2): _from_int16,
    (False, 3): _from_int24,
    (False, 4): _from_int32,
    (True, 4): _from_float32,
    (True, 8): _from_float64,
}
