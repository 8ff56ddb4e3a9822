"""Convert bytes of raw samples to int16 or float32, for headerless PCM and WAV.

What a header or label leaves open is decided by the first samples: see `byte_order_of` and
`fills_low_bytes`. Silence decides nothing and sounds the same either way.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from voicecli.audio.pcm import clip_floats
from voicecli.codecs.decoding.base import MAX_MAGNITUDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from voicecli.audio.pcm import Samples
    from voicecli.codecs.raw_coding import RawCoding

EVIDENCE_BYTES = 1 << 10
"""Bytes to look at before a question is decided: 20 ms of 16-bit samples at 24 kHz."""

MAX_BLOCK_BYTES = 1 << 20
"""Most bytes that become one block, however long the chunk."""

_FULL_SCALE_32 = np.float32(2.0**-31)
_INT16_BYTES, _INT32_BYTES = 2, 4
_MUCH_SMOOTHER = 2


def samples_from(coding: RawCoding, data: bytes, at: int, size_bytes: int) -> Samples:
    """Convert ``size_bytes`` of ``data``, whole samples from byte ``at``, to a flat array.

    8 and 16 bits, µ-law and A-law become int16, exactly; everything else float32, exact
    up to 24 bits. Aligned 16-bit and float32 samples of this machine's byte order are
    views of ``data``.
    """
    if coding.kind == "signed" and coding.bytes_per_sample == _INT16_BYTES:
        dtype = np.dtype(">i2" if coding.byte_order == "big" else "<i2")
        flat: Any = np.frombuffer(data, dtype, size_bytes // 2, at).astype(np.int16, copy=False)
        return _aligned(flat)
    return _CONVERSIONS[coding.kind](np.frombuffer(data, np.uint8, size_bytes, at), coding)


def _aligned(flat: Samples) -> Samples:
    return flat if flat.flags.aligned else flat.copy()


def _signed(octets: NDArray[np.uint8], coding: RawCoding) -> Samples:
    size = coding.bytes_per_sample
    if size == 1:
        return octets.view(np.int8).astype(np.int16) << 8
    wide = np.zeros((len(octets) // size, _INT32_BYTES), np.uint8)  # little-endian, at the top
    rows = octets.reshape(-1, size)
    wide[:, _INT32_BYTES - size :] = rows[:, ::-1] if coding.byte_order == "big" else rows
    floats: Samples = wide.view("<i4").ravel().astype(np.float32) * _FULL_SCALE_32
    return floats


def _unsigned(octets: NDArray[np.uint8], _: RawCoding) -> Samples:
    return (octets.astype(np.int16) - 128) << 8  # silence is 128


def _float(octets: NDArray[np.uint8], coding: RawCoding) -> Samples:
    order = ">" if coding.byte_order == "big" else "<"
    flat: Any = octets.view(f"{order}f{coding.bytes_per_sample}")
    with np.errstate(over="ignore", invalid="ignore"):
        flat = clip_floats(flat.astype(np.float32, copy=False), MAX_MAGNITUDE)
    return _aligned(flat)


def _mulaw(octets: NDArray[np.uint8], _: RawCoding) -> Samples:
    return _g711_values("mulaw")[octets]


def _alaw(octets: NDArray[np.uint8], _: RawCoding) -> Samples:
    return _g711_values("alaw")[octets]


_CONVERSIONS: dict[str, Callable[[NDArray[np.uint8], RawCoding], Samples]] = {
    "signed": _signed,
    "unsigned": _unsigned,
    "float": _float,
    "mulaw": _mulaw,
    "alaw": _alaw,
}


@functools.cache
def _g711_values(law: Literal["mulaw", "alaw"]) -> NDArray[np.int16]:
    """Return what each of the 256 codes stands for (ITU-T G.711), scaled to 16 bits."""
    codes = np.arange(256, dtype=np.int32) ^ (0xFF if law == "mulaw" else 0x55)
    exponent, mantissa = codes >> 4 & 7, codes & 0x0F
    if law == "mulaw":
        magnitude = ((mantissa << 3) + 132 << exponent) - 132
        is_negative = codes & 0x80 != 0
    else:
        step = (mantissa << 4) + 8
        magnitude = np.where(exponent == 0, step, step + 256 << np.maximum(exponent - 1, 0))
        is_negative = codes & 0x80 == 0
    return np.where(is_negative, -magnitude, magnitude).astype(np.int16)


def byte_order_of(data: bytes, size: int) -> Literal["little", "big"] | None:
    """Guess the byte order of samples of ``size`` bytes; None if they are silence.

    Sound is smooth: read in the wrong order, its upper byte jumps from sample to sample.
    A byte that is always zero is the lowest. Noise is as rough either way, and counts as
    big-endian, the order of the standards.
    """
    octets = np.frombuffer(data, np.uint8, len(data) // size * size).reshape(-1, size)
    first, last = octets[:, 0], octets[:, -1]
    if not octets.any():
        return None
    if not first.any() or not last.any():
        return "big" if first.any() else "little"
    is_little = _roughness(last) * _MUCH_SMOOTHER < _roughness(first)
    return "little" if is_little else "big"


def _roughness(upper_bytes: NDArray[np.uint8]) -> float:
    return float(np.abs(np.diff(upper_bytes.astype(np.int8).astype(np.int16))).sum())


def fills_low_bytes(data: bytes) -> bool | None:
    """Tell whether 24-bit samples in 4 bytes each are in the low ones; None if that is unsure.

    They belong in the upper three (Microsoft, "Multiple channel audio data and WAVE
    files"), and the lowest byte is zero. ALSA's S24_LE has them in the lower three;
    above is the sign or nothing. Unsure are silence, and 16-bit samples made longer,
    which may as well be sound below −48 dB.
    """
    octets = np.frombuffer(data, np.uint8, len(data) // 4 * 4).reshape(-1, 4)
    sign = np.where(octets[:, 2] & 0x80, 0xFF, 0)
    if not np.array_equal(octets[:, 3], sign) and octets[:, 3].any():
        return False
    return True if octets[:, 0].any() else None
