"""The ``fmt`` chunk of a WAV, and the conversion of its samples."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

from voicecli.audio.pcm import Pcm, clip_floats
from voicecli.codecs.decoding.base import MAX_MAGNITUDE
from voicecli.codecs.formats import RATES_HZ
from voicecli.errors import CorruptStream, UnsupportedFormat

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

_DTYPES: dict[tuple[bool, int], np.dtype[Any]] = {
    (False, 1): np.dtype("u1"),
    (False, 2): np.dtype("<i2"),
    (False, 3): np.dtype("u1"),  # three of them
    (False, 4): np.dtype("<i4"),
    (True, 4): np.dtype("<f4"),
    (True, 8): np.dtype("<f8"),
}
"""Supported samples by whether they are floats and by size."""

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
        if (layout.is_float, size) not in _DTYPES:
            kind = "float" if layout.is_float else "integer"
            raise UnsupportedFormat(f"WAV with {bits}-bit {kind} samples is not supported")
        return layout

    def block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Convert whole frames: ``size_bytes`` of ``data`` from byte ``at``.

        8 and 16 bits become int16, exactly; 24-bit, 32-bit and float become float32.
        16-bit and float32 samples are views of ``data`` if they are aligned.
        """
        dtype = _DTYPES[self.is_float, self.bytes_per_sample]
        flat: Any = np.frombuffer(data, dtype, size_bytes // dtype.itemsize, at)
        if self.is_float:
            with np.errstate(over="ignore", invalid="ignore"):
                flat = clip_floats(flat.astype(np.float32, copy=False), MAX_MAGNITUDE)
        elif self.bytes_per_sample == 1:  # unsigned, with silence at 128
            flat = (flat.astype(np.int16) - 128) << 8
        elif self.bytes_per_sample != 2:  # noqa: PLR2004  16 bits are right as they are
            if self.bytes_per_sample == 3:  # noqa: PLR2004  as the upper bytes of int32
                wide = np.zeros((len(flat) // 3, 4), np.uint8)
                wide[:, 1:] = flat.reshape(-1, 3)
                flat = wide.view("<i4").ravel()
            flat = flat.astype(np.float32) * np.float32(2.0**-31)  # 24 bits fit its significand
        if not flat.flags.aligned:
            flat = flat.copy()
        return Pcm(flat.reshape(-1, self.channels), self.rate_hz)
