"""The first frame of an MP3 file, which holds no sound but facts about what follows.

To a decoder that knows nothing of it, it is a Layer III frame of silence. Behind
the side information, where sound would be, stand::

    0    "Info"              "Xing" where the bitrate varies
    4    flags               which of the next four are there
    8    MP3 frames          this one not counted
    12   bytes               this one counted
    16   seek table          100 positions in 256ths of the file, one a percent
    116  quality
    120  writer              9 characters; LAME's extension from here on
    129  revision, method    here 1: constant bitrate
    141  delay, padding      12 bits each
    148  bytes               again
    152  CRC of the music    left 0: known after all of it, and checked by no player
    154  CRC of this frame   up to here

(gabriel.mp3-tech.org/mp3infotag.html; libavformat's mp3enc.c and mp3dec.c.)

In a stream the number of frames and the padding are not known. The tag then has
no frame count, no padding to speak of, and 0xFFFFFFFF bytes: FFmpeg believes a tag
that has one of the two counts, cuts the delay, and leaves this frame out of the
sound. To one that has neither it listens, and is a frame late.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.codecs.decoding.flacheader import crc16
from voicecli.codecs.decoding.mpeg import FrameHeader, mp3_header
from voicecli.codecs.encoding.ancillary import side_bytes

UNKNOWN_BYTES = 0xFFFF_FFFF

_TAG_BYTES = 156
_HEADER_BYTES = 4
_HAS_FRAMES, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_SEEK_TABLE = bytes(256 * percent // 100 for percent in range(100))
_CONSTANT_BITRATE = 1
_NO_CRC, _BITRATE, _PADDED, _MODE_EXTENSION = 1 << 16, 0xF << 12, 1 << 9, 3 << 4
_BITRATE_SHIFT, _BITRATES = 12, 15
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known only at the end: MP3 frames and their bytes.

    The info frame itself is not counted here.
    """

    mp3_frames: int
    data_bytes: int


def info_frame(
    like: bytes, writer: str, delay_frames: int, padding_frames: int, counts: Counts | None = None
) -> bytes:
    """An info tag for a stream of constant bitrate, in a frame that says nothing else.

    ``like`` is a frame of the stream; on it alone depends the length, so that one
    tag can be written over another. ``writer`` opens with "LAME", "Lavf" or
    "Lavc", for no other's delays are believed. ``counts`` is None in a stream, and
    ``padding_frames`` there the least that there will be, 0 for nothing known.
    """
    head, header = _roomy_header(like)
    head += bytes(side_bytes(header))  # all zero for silence
    if counts is None:
        data_bytes = UNKNOWN_BYTES
        tag = b"Info" + _word(_HAS_BYTES) + _word(data_bytes)
    else:
        data_bytes = min(header.frame_bytes + counts.data_bytes, UNKNOWN_BYTES)
        flags = _HAS_FRAMES | _HAS_BYTES | _HAS_TABLE | _HAS_QUALITY
        tag = b"Info" + _word(flags) + _word(counts.mp3_frames) + _word(data_bytes)
        tag += _SEEK_TABLE + _word(0)
    tag += writer.encode().ljust(9, b"\0")[:9]
    tag += bytes((_CONSTANT_BITRATE,)) + bytes(11)
    tag += (delay_frames << 12 | padding_frames).to_bytes(3, "big") + bytes(4)
    tag += _word(data_bytes) + bytes(2)
    tag += _crc16_arc(head + tag).to_bytes(2, "big")
    return (head + tag).ljust(header.frame_bytes, b"\0")


def _roomy_header(like: bytes) -> tuple[bytes, FrameHeader]:
    """The header of ``like``, at its own bitrate or the next that has room for a tag."""
    word = int.from_bytes(like[:_HEADER_BYTES], "big") | _NO_CRC
    word &= ~(_BITRATE | _PADDED | _MODE_EXTENSION)
    first = like[2] >> 4
    heads = (_word(word | index << _BITRATE_SHIFT) for index in range(first, _BITRATES))
    return next(
        (head, header)
        for head in heads
        if (header := mp3_header(head))
        and header.frame_bytes >= _HEADER_BYTES + side_bytes(header) + _TAG_BYTES
    )


def _word(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _crc16_arc(data: bytes) -> int:
    """LAME's CRC-16: FLAC's polynomial with the bits of every byte, and of the sum, reversed."""
    mirrored = crc16(data.translate(_REVERSED_BITS)).to_bytes(2, "little")
    return int.from_bytes(mirrored.translate(_REVERSED_BITS), "big")
