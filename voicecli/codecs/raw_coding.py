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
    **dict.fromkeys(("basic", "pcmu", "mulaw", "ulaw", "g711u", "g711mu"), MULAW),
    **dict.fromkeys(("g711mulaw", "g711ulaw", "pcmmulaw", "pcmulaw"), MULAW),
    **dict.fromkeys(("pcma", "alaw", "g711a", "g711alaw", "pcmalaw"), ALAW),
}
_LINEAR = {
    "l8": RawCoding("unsigned", 1),
    "l16": RawCoding("signed", 2, "unsure"),
    "l24": RawCoding("signed", 3, "unsure"),
}
"""RFC 3551 puts the high byte first; many speech servers do not, whatever their label says."""

_REFUSED = re.compile(
    r"l20|dat12|lpc|g711|.*adpcm|dvi4|vdvi|g7(?:19|2[0-9]).*|g711-0|gsm.*|ilbc|isac|qcelp|"
    r"evrc.*|evs|smv|vmr-wb|amr.*|bv(?:16|32)|melp.*|tetra.*|speex|vorbis|silk|codec2|uemclip|"
    r"scip|tsvcis|clearmode|cn|red|telephone-event|e?ac-?[34]|(?:vnd\.)?dts.*|atrac.*|"
    r"dsd|vox|sbc|aptx.*|ldac|lc3.*|pcm[au]-wb"
)
"""Codings, mostly without a header, that cannot be decoded: they would sound as noise.

Most are IANA's registered types of what RTP carries.
"""

_SHORT = re.compile(r"(?:pcm)?([sufl])(8|16|24|32|64)(le|be)?")
_PACKED_24 = re.compile(r"([su]24)3(le|be)")
"""ALSA's name of 24 bits in 3 bytes, ``S24_3LE``."""

_KINDS: dict[str, SampleKind] = {"s": "signed", "l": "signed", "u": "unsigned", "f": "float"}
_NAMES: dict[str, SampleKind] = {
    **dict.fromkeys(("pcm", "lpcm", "raw", "linear", "linear16", "linearpcm"), "signed"),
    **dict.fromkeys(("signed", "signedint", "signedinteger", "int", "integer"), "signed"),
    **dict.fromkeys(("int16", "pcm16", "pcms16", "16bit"), "signed"),
    **dict.fromkeys(("unsigned", "unsignedint", "unsignedinteger", "uint"), "unsigned"),
    **dict.fromkeys(("float", "floatingpoint", "ieeefloat", "float32", "pcmfloat"), "float"),
}
_CODING_PARAMS = ("encoding", "codec", "format", "sampleformat", "audioencoding")
_BITS_PARAMS = ("bits", "bitdepth", "bitspersample", "samplewidth", "depth", "width")
_ORDER_PARAMS = ("endianness", "endian", "byteorder")


def raw_coding(label: MediaType) -> RawCoding | None:
    """Return the coding that a media type names; None if it does not name raw samples.

    Raises:
        UnsupportedFormat: raw samples, or a coding without a header, of another kind.
    """
    if not label.name.startswith("audio/"):
        return None
    subtype = label.name.removeprefix("audio/").removeprefix("x-")
    coding = _of_word(subtype)
    if coding is None:
        if _REFUSED.fullmatch(subtype):
            raise UnsupportedFormat(f"{clean(label.name, limit=60)} is not supported")
        return None
    for param in _CODING_PARAMS:
        word = label.param(param).lower().removeprefix("audio/")
        if not word:
            continue
        named = _of_word(word)
        if named is None:
            raise _unsupported(label)
        if named != S16LE or subtype not in _LINEAR:  # "L16;codec=pcm" says nothing more
            coding = named
    return _with_bits_and_order(label, coding)


def _of_word(word: str) -> RawCoding | None:
    """Return the coding that a word such as ``mulaw``, ``s24be`` or ``float`` names.

    ``-``, ``_`` and ``.`` mean nothing: ``pcm_s16le``, ``s16-le`` and ``S16LE`` are one.
    """
    word = re.sub(r"[-_.]", "", word)
    word = _PACKED_24.sub(r"\1\2", word)
    if word in _LAWS or word in _LINEAR:
        return _LAWS.get(word) or _LINEAR[word]
    short = _SHORT.fullmatch(word)
    if short:
        order: ByteOrder = "big" if short[3] == "be" else "little"
        return RawCoding(_KINDS[short[1]], int(short[2]) // 8, order)
    kind = _NAMES.get(word)
    return kind and RawCoding(kind, {"float": 4, "unsigned": 1}.get(kind, 2))


def _with_bits_and_order(label: MediaType, coding: RawCoding) -> RawCoding:
    """Apply the parameters for the size of a sample and the order of its bytes."""
    bits = re.sub("[ -]?bits?$", "", label.param(*_BITS_PARAMS), flags=re.IGNORECASE)
    if bits and not coding.is_telephone:
        if bits not in ("8", "16", "24", "32", "64"):
            raise _unsupported(label)
        coding = coding._replace(bytes_per_sample=int(bits) // 8)
        if bits == "8" and "sign" not in label.param(*_CODING_PARAMS):
            coding = coding._replace(kind="unsigned")  # as in WAV
    order = label.param(*_ORDER_PARAMS).lower()
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
