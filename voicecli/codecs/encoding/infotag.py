"""Write the info tag: the first frame of an MP3 file, with facts about what follows.

To a decoder that does not know it, it is a Layer III frame of silence. After the side
information, in place of audio, come::

    0    "Info"              "Xing" if the bitrate varies
    4    flags               which of the next four are present
    8    MP3 frames          this one not counted
    12   bytes               this one counted
    16   seek table          100 positions in 256ths of the file, one per percent
    116  quality
    120  writer              9 characters; LAME's extension from here on
    129  revision, method    here 1: constant bitrate
    141  delay, padding      12 bits each
    148  bytes               again
    152  CRC of the music    left 0: known after all of it, and checked by no player
    154  CRC of this frame   up to here

(gabriel.mp3-tech.org/mp3infotag.html; libavformat's mp3enc.c and mp3dec.c.)

In a stream the number of frames and the padding are unknown. The tag then has no frame
count, no significant padding, and 0xFFFFFFFF bytes: FFmpeg accepts a tag that has one
of the two counts, trims the delay, and does not play this frame. A tag that has neither
is played, and delays the audio by a frame.
"""

from __future__ import annotations

from voicecli.codecs.decoding.flacheader import crc16
from voicecli.codecs.decoding.infotag import HAS_BYTES, HAS_FRAMES, HAS_QUALITY, HAS_TABLE
from voicecli.codecs.decoding.mpeg import mp3_header
from voicecli.codecs.decoding.oggpage import REVERSED_BITS
from voicecli.codecs.encoding.ancillary import HEADER_BYTES, header_with_room

UNKNOWN_BYTES = 0xFFFF_FFFF

_TAG_BYTES = 156
_SEEK_TABLE = bytes(256 * percent // 100 for percent in range(100))
_CONSTANT_BITRATE = 1
_NO_CRC, _PADDED, _MODE_EXTENSION = 1 << 16, 1 << 9, 3 << 4


def info_frame(
    like: bytes,
    writer: str,
    delay_frames: int,
    padding_frames: int,
    counts: tuple[int, int] | None = None,
) -> bytes:
    """Make a frame with an info tag for a stream of constant bitrate.

    ``like`` is a frame of the stream; it alone determines the length, so that one tag
    can overwrite another. ``writer`` begins with "LAME", "Lavf" or "Lavc", because no
    other's delays are trusted. ``counts`` are the MP3 frames and their bytes, without
    this one; None in a stream, where ``padding_frames`` is the least that there will be.
    """
    shape = mp3_header(like)
    assert shape is not None
    word = int.from_bytes(like[:HEADER_BYTES], "big") | _NO_CRC
    plain = _word(word & ~(_PADDED | _MODE_EXTENSION))
    found = header_with_room(plain, HEADER_BYTES + shape.side_info_bytes + _TAG_BYTES)
    assert found is not None, "the highest bitrate has room for a tag"
    head, header = found
    head += bytes(header.side_info_bytes)  # all zero for silence
    if counts is None:
        data_bytes = UNKNOWN_BYTES
        tag = b"Info" + _word(HAS_BYTES) + _word(data_bytes)
    else:
        mp3_frames, data_bytes = counts
        data_bytes = min(header.frame_bytes + data_bytes, UNKNOWN_BYTES)
        flags = HAS_FRAMES | HAS_BYTES | HAS_TABLE | HAS_QUALITY
        tag = b"Info" + _word(flags) + _word(mp3_frames) + _word(data_bytes)
        tag += _SEEK_TABLE + _word(0)
    tag += writer.encode().ljust(9, b"\0")[:9]
    tag += bytes((_CONSTANT_BITRATE,)) + bytes(11)
    tag += (delay_frames << 12 | padding_frames).to_bytes(3, "big") + bytes(4)
    tag += _word(data_bytes) + bytes(2)
    tag += _crc16_arc(head + tag).to_bytes(2, "big")
    return (head + tag).ljust(header.frame_bytes, b"\0")


def _word(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _crc16_arc(data: bytes) -> int:
    """Compute LAME's CRC-16: FLAC's polynomial with the bits of bytes and result reversed."""
    mirrored = crc16(data.translate(REVERSED_BITS)).to_bytes(2, "little")
    return int.from_bytes(mirrored.translate(REVERSED_BITS), "big")
