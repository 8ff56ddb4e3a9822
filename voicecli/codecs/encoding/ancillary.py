"""Bytes of one's own in a Layer III frame, behind its sound (ISO/IEC 11172-3 §2.4.1.7).

A frame is as long as its bitrate says. What its Huffman codes leave free, up to
where the next frame's begin, is *ancillary data*, which the standard leaves to
the user and decoders do not look at; LAME fills it with its name. Where the room
is too small the frame is given a higher bitrate, as any frame may be: every
decoder of Layer III has to follow (§2.4.2.3, bitrate_index).
"""

from __future__ import annotations

from voicecli.codecs.decoding.mpeg import FrameHeader, mp3_header

_HEADER_BYTES = 4
_MPEG1_FRAMES = 1152
_LENGTH_BITS = 12  # part2_3_length, which opens what the side information says of a granule
_BITRATE_SHIFT, _BITRATES = 12, 15


def side_bytes(header: FrameHeader) -> int:
    """Length of the side information (§2.4.1.7; in MPEG-2 ISO/IEC 13818-3 §2.4.1.7)."""
    if header.frames == _MPEG1_FRAMES:
        return 17 if header.channels == 1 else 32
    return 9 if header.channels == 1 else 17


def with_ancillary(frame: bytes, data: bytes) -> bytes | None:
    """``frame`` with ``data`` as its last bytes, at its own bitrate or the next with room for it.

    ``frame`` has no CRC and shares no bit reservoir. None where even the highest
    bitrate has no room.
    """
    sound_bytes = _sound_bytes(frame)
    word = int.from_bytes(frame[:_HEADER_BYTES], "big")
    for index in range(frame[2] >> 4, _BITRATES):
        head = (word & ~(0xF << _BITRATE_SHIFT) | index << _BITRATE_SHIFT).to_bytes(4, "big")
        header = mp3_header(head)
        if header is not None and sound_bytes + len(data) <= header.frame_bytes:
            room_bytes = header.frame_bytes - len(data)
            return (head + frame[_HEADER_BYTES:room_bytes]).ljust(room_bytes, b"\0") + data
    return None


def _sound_bytes(frame: bytes) -> int:
    """Bytes of a frame up to where its Huffman codes end: header, side information, main data."""
    header = mp3_header(frame)
    assert header is not None
    begin = _HEADER_BYTES + side_bytes(header)
    side = int.from_bytes(frame[_HEADER_BYTES:begin], "big")
    # The granules' parts fill the end of the side information, one for each channel.
    granules, width = (2, 59) if header.frames == _MPEG1_FRAMES else (1, 63)
    bits = sum(
        side >> width * place - _LENGTH_BITS & (1 << _LENGTH_BITS) - 1
        for place in range(1, granules * header.channels + 1)
    )
    return begin + -(-bits // 8)
