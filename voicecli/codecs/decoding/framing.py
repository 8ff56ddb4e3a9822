"""Recognise formats that consist of frames with short headers, anywhere in the bytes.

A header of a few bits occurs by chance, so it counts only if more follow where it says:
`frames_at` at the very beginning, `find_frames` in a stream that begins inside a frame,
as a radio server sends it.

Sources besides those of `voicecli.codecs.decoding.mpeg`: ETSI TS 102 366 (AC-3 and
E-AC-3), ISO/IEC 14496-3 §1.7.2 (LOAS, which carries LATM), and for layers I and II
ISO/IEC 11172-3 §2.4.2.3.
"""

# ruff: noqa: PLR2004  the numbers are the standards' own codes and field widths

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, NamedTuple

from voicecli.audio.tags import tag_bytes
from voicecli.codecs.decoding.magic import codec_at
from voicecli.codecs.decoding.mpeg import ADTS, MP3, MPEG1_KBPS, MPEG2_KBPS, MPEG_RATES_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.codecs.decoding.mpeg import Syntax

SEARCH_BYTES = 4_608
"""Bytes searched for frames: three of the longest of MP3, 1,441 bytes each."""

_MAX_FREE_FORMAT_BYTES = 8_192

_MAX_TAGS_BYTES = 1 << 18
"""Upper bound on tags before audio in another format: they are held until it is found."""

_MAX_TAGS = 16
"""Upper bound on their number: they are read again whenever more bytes arrive."""

_MAX_CERTAIN_BYTES = 16_384
"""Bytes in which frames of an unsupported format must show themselves among samples."""

_CERTAIN_LAYER_1 = 8
"""How many frames of layer I in a row cannot be samples."""


class _Header(NamedTuple):
    """Length of a frame, and bits that all frames of a stream have in common."""

    frame_bytes: int
    identity: int


class Framing(NamedTuple):
    """A format made of frames: one of ours (``codec``), or unsupported.

    ``followers`` is how many headers must follow one at the beginning of a stream, and
    ``certain`` how many different frames in a row cannot be samples; 0 if any number may be.
    """

    name: str
    codec: str | None
    header_bytes: int
    header: Callable[[bytes | bytearray, int], _Header | None]
    sync: bytes
    followers: int = 1
    certain: int = 0


def _of(syntax: Syntax) -> Framing:
    def header(data: bytes | bytearray, at: int) -> _Header | None:
        found = syntax.header(data, at)
        return None if found is None else _Header(found.frame_bytes, found.identity)

    return Framing(syntax.name, syntax.codec, syntax.header_bytes, header, b"\xff")


_LAYER1_KBPS = {
    3: (0, *(32 * n for n in range(1, 15))),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
_LAYER2_KBPS = {
    3: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    2: MPEG2_KBPS,
}


def _older_layer_header(data: bytes | bytearray, at: int) -> _Header | None:
    """Parse the header of an MPEG frame of layer I or II."""
    word = int.from_bytes(data[at : at + 4], "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    code, rate = word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer < 2 or code in {0, 15} or rate == 3:
        return None
    rate_hz, padding = MPEG_RATES_HZ[version][rate], word >> 9 & 1
    table = _LAYER1_KBPS if layer == 3 else _LAYER2_KBPS
    bit_rate = table[3 if version == 3 else 2][code] * 1000
    size = (12 * bit_rate // rate_hz + padding) * 4 if layer == 3 else 0
    return _Header(size or 144 * bit_rate // rate_hz + padding, word & 0xFFFE0C00)


_AC3_KBPS = (*MPEG1_KBPS[1:], 384, 448, 512, 576, 640)


def _ac3_header(data: bytes | bytearray, at: int) -> _Header | None:
    """Parse the sync frame header of AC-3 (§4.4.1) or E-AC-3 (annex E)."""
    head = data[at : at + 6]
    if len(head) < 6 or head[:2] != b"\x0b\x77":
        return None
    if 10 < head[5] >> 3 <= 16:
        return _Header(2 * ((int.from_bytes(head[2:4], "big") & 0x7FF) + 1), 16)
    rate, size = head[4] >> 6, head[4] & 0x3F
    if rate == 3 or size >= 2 * len(_AC3_KBPS) or head[5] >> 3 > 10:
        return None
    kbps = _AC3_KBPS[size >> 1]
    words = (2 * kbps, 320 * kbps // 147 + (size & 1), 3 * kbps)[rate]
    return _Header(2 * words, rate)


def _loas_header(data: bytes | bytearray, at: int) -> _Header | None:
    word = int.from_bytes(data[at : at + 3], "big")
    size = word & 0x1FFF
    return _Header(3 + size, 0) if word >> 13 == 0x2B7 and size else None


def _free_format_header(data: bytes | bytearray, at: int) -> _Header | None:
    """Parse a Layer III header without a bit rate, whose frame ends at the next such header."""
    word = int.from_bytes(data[at : at + 4], "big")
    if word & 0xFFE6_F000 != 0xFFE2_0000 or word >> 19 & 3 == 1 or word >> 10 & 3 == 3:
        return None
    similar = re.compile(
        re.escape(bytes(data[at : at + 2])) + b"[%c%c]" % (data[at + 2], data[at + 2] ^ 2)
    )
    following = similar.search(data, at + 24)
    size = following.start() - at if following else max(_MAX_FREE_FORMAT_BYTES, len(data) - at)
    return _Header(size, word & 0xFFFE0C00)


MP3_FRAMES = _of(MP3)
ADTS_FRAMES = _of(ADTS)
OLDER_LAYERS = Framing(
    "MPEG audio of layer I or II", None, 4, _older_layer_header, b"\xff", certain=4
)
FRAMINGS = (
    MP3_FRAMES,
    ADTS_FRAMES,
    OLDER_LAYERS,
    Framing("free-format MP3", None, 4, _free_format_header, b"\xff", 3),
    Framing("AC-3", None, 6, _ac3_header, b"\x0b\x77", certain=4),
    Framing("AAC in LATM", None, 3, _loas_header, b"\x56", certain=6),
)
"""The formats, our own first."""


def frames_at(
    framing: Framing, data: bytes | bytearray, at: int = 0, followers: int = 1
) -> bool | None:
    """Tell whether a run of frames begins at ``at``; None if the data ends before that is sure."""
    first = header = framing.header(data, at)
    if first is None:
        return None if len(data) < at + framing.header_bytes else False
    for _ in range(followers):
        assert header is not None
        at += header.frame_bytes
        if len(data) < at + framing.header_bytes:
            return None
        header = framing.header(data, at)
        if header is None or header.identity != first.identity:
            return False
    return True


def cannot_be_samples(framing: Framing, data: bytes) -> bool | None:
    """Tell whether ``data`` begins with frames of an unsupported format, and not with samples.

    None if it ends before that is sure. All headers together fix 60 bits or more. A sound
    may repeat itself, so only frames that differ count. The sync word of layer I is what
    quiet samples look like: it needs more frames, each with little in common with the last.
    """
    at, identity, previous, frames = 0, None, b"", set[bytes]()
    is_layer_1 = framing is OLDER_LAYERS and bool(data[1:2]) and data[1] & 6 == 6
    if not framing.certain:
        return False
    while len(frames) < (_CERTAIN_LAYER_1 if is_layer_1 else framing.certain):
        header = framing.header(data, at)
        if header is None:
            return None if len(data) < at + framing.header_bytes else False
        if identity not in (None, header.identity) or at > _MAX_CERTAIN_BYTES:
            return False
        identity, end = header.identity, at + header.frame_bytes
        if len(data) < end:
            return None
        frame = data[at:end]
        if is_layer_1 and _are_similar(previous, frame):
            return False
        frames.add(frame)
        at, previous = end, frame
    return True


def _are_similar(frame: bytes, other: bytes) -> bool:
    """Tell whether half of the bytes are the same, as those of a tone's periods are."""
    same: int = sum(map(operator.eq, frame, other))
    return 0 < min(len(frame), len(other)) <= 2 * same


def audio_at(data: bytes | bytearray, at: int = 0) -> tuple[str | None, bool]:
    """Return the codec of ours whose audio begins at ``at``, maybe behind tags, if any.

    Frames count from the third in a row. The flag tells whether more bytes may find audio.
    """
    start, tags = at, 0
    while size_bytes := tag_bytes(data, at):
        at, tags = at + size_bytes, tags + 1
        if at - start > _MAX_TAGS_BYTES or tags > _MAX_TAGS:
            return None, False
    if size_bytes is None:
        return None, True
    codec, is_open = codec_at(data, at)
    for framing in FRAMINGS if codec is None else ():
        matches = framing.codec is not None and frames_at(framing, data, at, 2)
        if matches:
            return framing.codec, False
        is_open |= matches is None
    return codec, is_open


def find_frames(data: bytes, *, final: bool) -> Framing | None:
    """Find a run of frames that begins anywhere in the first `SEARCH_BYTES`.

    Three headers make a run; at the end of a stream (``final``) two will do.
    """
    head = data[:SEARCH_BYTES]
    for framing in FRAMINGS:
        followers = framing.followers + (0 if final else 1)
        for match in re.finditer(re.escape(framing.sync), head):
            if frames_at(framing, head, match.start(), followers):
                return framing
    return None
