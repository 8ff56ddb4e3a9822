"""The ``fmt`` chunk of a WAV, and the conversion of its samples."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.sampleformat import samples_from
from voicecli.codecs.formats import RATES_HZ
from voicecli.codecs.raw_coding import SUPPORTED, RawCoding
from voicecli.errors import CorruptStream, UnsupportedFormat

if TYPE_CHECKING:
    from voicecli.codecs.raw_coding import SampleKind

_FMT = struct.Struct("<HHIIHH")
_PCM, _IEEE_FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE

_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""Bytes 2 to 15 of every KSDATAFORMAT_SUBTYPE GUID that stands for a plain format tag."""

_UNSUPPORTED_TAGS = {
    0x0002: "Microsoft ADPCM",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0040: "G.721 ADPCM",
    0x0045: "G.726 ADPCM",
    0x0050: "MPEG layer I or II",
    0x0055: "MP3",
    0x0069: "IMA ADPCM",
    0x0092: "AC-3",
    0x00FF: "AAC",
    0x0161: "Windows Media Audio",
    0x0162: "Windows Media Audio",
    0x0401: "IMC",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x674F: "Vorbis",
    0x704F: "Opus",
    0xF1AC: "FLAC",
}
_KINDS: dict[int, SampleKind] = {_PCM: "signed", _IEEE_FLOAT: "float", 6: "alaw", 7: "mulaw"}

_MAX_CHANNELS = 64
_INT16 = np.dtype("<i2")


class WavFormat(NamedTuple):
    """Layout of the samples in a ``data`` chunk.

    ``coding`` has the size of the container; samples of fewer bits fill it from the top,
    so their scale is that of the container. ``may_fill_low_bytes``: 24 bits in 4 bytes,
    which some writers put at the bottom. ``speakers`` is the channel mask, 0 if none is
    stated (`voicecli.audio.pcm.Pcm`).
    """

    rate_hz: int
    channels: int
    coding: RawCoding
    may_fill_low_bytes: bool = False
    speakers: int = 0

    @property
    def bytes_per_frame(self) -> int:
        """Bytes in one interleaved frame."""
        return self.channels * self.coding.bytes_per_sample

    @classmethod
    def parse(cls, chunk: bytes) -> WavFormat:
        """Parse the body of ``fmt``: 16 bytes or, for WAVE_FORMAT_EXTENSIBLE, 40.

        Raises:
            CorruptStream: too short, or implausible numbers.
            UnsupportedFormat: another coding than PCM, IEEE float, A-law and µ-law; the
                message names it.
        """
        if len(chunk) < _FMT.size:
            raise CorruptStream(f"the WAV format chunk has {len(chunk)} bytes, fewer than 16")
        tag, channels, rate_hz, _, align, bits = _FMT.unpack_from(chunk)
        speakers = 0
        if tag == _EXTENSIBLE and chunk[26:40] == _SUBFORMAT_TAIL:
            tag = int.from_bytes(chunk[24:26], "little")
            speakers = int.from_bytes(chunk[20:24], "little")
        if tag not in _KINDS:
            name = _UNSUPPORTED_TAGS.get(tag, f"format 0x{tag:04X}")
            raise UnsupportedFormat(f"{name} in WAV is not supported, only PCM and float")
        if not (0 < channels <= _MAX_CHANNELS and rate_hz in RATES_HZ):
            raise CorruptStream(f"the WAV header claims {channels} channels at {rate_hz} Hz")
        size = align // channels if align and align % channels == 0 else 0
        if size * 8 < bits:
            size = (bits + 7) // 8  # some writers get the block size wrong; the bits prevail
        kind = _KINDS[tag]
        if kind == "signed" and size == 1:
            kind = "unsigned"
        if (kind, size) not in SUPPORTED:
            kind_name = {"signed": "integer"}.get(kind, kind)
            raise UnsupportedFormat(f"WAV with {bits}-bit {kind_name} samples is not supported")
        is_wide = kind == "signed" and (bits, size) == (24, 4)
        return cls(rate_hz, channels, RawCoding(kind, size), is_wide, speakers)

    def block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Convert whole frames: ``size_bytes`` of ``data`` from byte ``at``.

        As `samples_from`: 16-bit and float32 samples are views of ``data`` if aligned.
        """
        flat = samples_from(self.coding, data, at, size_bytes)
        return Pcm(flat.reshape(-1, self.channels), self.rate_hz, self.speakers)

    def int16_block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Do the same for 16-bit samples, which most are, at once."""
        flat = np.frombuffer(data, _INT16, size_bytes // 2, at)
        if not flat.flags.aligned:
            flat = flat.copy()
        return Pcm(flat.reshape(-1, self.channels), self.rate_hz, self.speakers)

    def low_block(self, data: bytes, at: int, size_bytes: int) -> Pcm:
        """Convert whole frames of 24-bit samples that fill the low bytes of four."""
        octets = np.frombuffer(data, np.uint8, size_bytes, at).reshape(-1, 4)
        packed = octets[:, :3].tobytes()
        flat = samples_from(self.coding._replace(bytes_per_sample=3), packed, 0, len(packed))
        return Pcm(flat.reshape(-1, self.channels), self.rate_hz, self.speakers)
