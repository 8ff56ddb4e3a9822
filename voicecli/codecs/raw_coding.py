"""How raw samples are written as bytes, and what a content type says about it.

The types are those of RFC 2046 (``audio/basic``), RFC 3551 (``L8``, ``L16``, ``PCMU``,
``PCMA``) and RFC 3190 (``L24``), and what speech servers write besides:
``audio/x-mulaw;rate=8000``, ``audio/pcm;encoding=mulaw``, ``audio/pcm;bits=24``,
``audio/s16le``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from voicecli.errors import UnsupportedFormat
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from voicecli.codecs.media_type import MediaType

SampleKind = Literal["signed", "unsigned", "float", "mulaw", "alaw"]
ByteOrder = Literal["little", "big", "unsure"]

TELEPHONE_RATE_HZ = 8_000
"""Rate of µ-law and A-law unless another is stated (RFC 3551 section 4.5.14)."""


class RawCoding(NamedTuple):
    """How one sample is written.

    ``byte_order`` is ``unsure`` if standard and practice differ: the samples decide.
    """

    kind: SampleKind = "signed"
    bytes_per_sample: int = 2
    byte_order: ByteOrder = "little"

    @property
    def is_telephone(self) -> bool:
        """Whether this is a coding of telephony, at 8 kHz unless stated otherwise."""
        return self.kind in ("mulaw", "alaw")


S16LE = RawCoding()
MULAW, ALAW = RawCoding("mulaw", 1), RawCoding("alaw", 1)

SUPPORTED = {
    *((kind, 1) for kind in ("signed", "unsigned", "mulaw", "alaw")),
    *(("signed", size) for size in (2, 3, 4)),
    *(("float", size) for size in (4, 8)),
}
"""Kinds and sizes in bytes that can be decoded."""

_LAWS = {
    **dict.fromkeys(("basic", "pcmu", "mulaw", "ulaw", "mu-law", "u-law", "g711u"), MULAW),
    **dict.fromkeys(("g711-mulaw", "g711-ulaw", "g711_ulaw", "mu_law", "g711.mu"), MULAW),
    **dict.fromkeys(("pcma", "alaw", "a-law", "a_law", "g711a", "g711-alaw", "g711_alaw"), ALAW),
}
_LINEAR = {
    "l8": RawCoding("unsigned", 1),
    "l16": RawCoding("signed", 2, "unsure"),
    "l24": RawCoding("signed", 3, "unsure"),
}
"""RFC 3551 puts the high byte first; many speech servers do not, whatever their label says."""

_REFUSED = re.compile(
    r"l20|lpc|g711|.*adpcm|dvi4|vdvi|g72[0-9].*|g711-0|gsm.*|ilbc|isac|qcelp|evrc.*|smv|"
    r"amr-wb\+?|silk|codec2|dsd|vox|sbc|aptx.*|ldac|lc3"
)
"""Codings without a header that cannot be decoded: what they hold would sound as noise."""

_SHORT = re.compile(r"(?:pcm_?)?([suf])(8|16|24|32|64)_?(le|be)?")
_KINDS: dict[str, SampleKind] = {"s": "signed", "u": "unsigned", "f": "float"}
_NAMES: dict[str, SampleKind] = {
    **dict.fromkeys(("pcm", "lpcm", "raw", "linear", "linear16", "linear-pcm"), "signed"),
    **dict.fromkeys(("signed", "signed-int", "signed-integer", "int", "integer"), "signed"),
    **dict.fromkeys(("unsigned", "unsigned-int", "unsigned-integer", "uint"), "unsigned"),
    **dict.fromkeys(("float", "floating-point", "ieee-float", "float32"), "float"),
}
_CODING_PARAMS = ("encoding", "codec", "format", "sample-format")
_BITS_PARAMS = ("bits", "bit-depth", "bitdepth", "bits-per-sample", "depth")
_ORDER_PARAMS = ("endianness", "endian", "byte-order", "byteorder")


def raw_coding(label: MediaType) -> RawCoding | None:
    """Return the coding that a media type names; None if it does not name raw samples.

    Raises:
        UnsupportedFormat: raw samples, or a coding without a header, of another kind.
    """
    if not label.name.startswith("audio/"):
        return None
    subtype = label.name.removeprefix("audio/").removeprefix("x-")
    coding = _LINEAR.get(subtype) or _of_word(subtype)
    if coding is None:
        if _REFUSED.fullmatch(subtype):
            raise UnsupportedFormat(f"{clean(label.name, limit=60)} is not supported")
        return None
    for param in _CODING_PARAMS:
        word = label.params.get(param, "").lower()
        if not word:
            continue
        named = _of_word(word)
        if named is None:
            raise _unsupported(label)
        if named != S16LE or subtype not in _LINEAR:  # "L16;codec=pcm" says nothing more
            coding = named
    return _with_bits_and_order(label, coding)


def _of_word(word: str) -> RawCoding | None:
    """Return the coding that a word such as ``mulaw``, ``s24be`` or ``float`` names."""
    if word in _LAWS:
        return _LAWS[word]
    short = _SHORT.fullmatch(word)
    if short:
        order: ByteOrder = "big" if short[3] == "be" else "little"
        return RawCoding(_KINDS[short[1]], int(short[2]) // 8, order)
    kind = _NAMES.get(word)
    return kind and RawCoding(kind, {"float": 4, "unsigned": 1}.get(kind, 2))


def _with_bits_and_order(label: MediaType, coding: RawCoding) -> RawCoding:
    """Apply the parameters for the size of a sample and the order of its bytes."""
    bits = next((label.params[name] for name in _BITS_PARAMS if name in label.params), None)
    if bits is not None and not coding.is_telephone:
        if bits not in ("8", "16", "24", "32", "64"):
            raise _unsupported(label)
        coding = coding._replace(bytes_per_sample=int(bits) // 8)
        if bits == "8" and not any("sign" in label.params.get(name, "") for name in _CODING_PARAMS):
            coding = coding._replace(kind="unsigned")  # as in WAV
    order = next((label.params[name] for name in _ORDER_PARAMS if name in label.params), "").lower()
    if order.startswith(("big", "be", "network", "msb")):
        coding = coding._replace(byte_order="big")
    elif order.startswith(("little", "le", "lsb")):
        coding = coding._replace(byte_order="little")
    if (coding.kind, coding.bytes_per_sample) not in SUPPORTED:
        raise _unsupported(label)
    return coding


def _unsupported(label: MediaType) -> UnsupportedFormat:
    params = "".join(f";{name}={value}" for name, value in label.params.items())
    return UnsupportedFormat(f"{clean(label.name + params, limit=100)} is not supported")
