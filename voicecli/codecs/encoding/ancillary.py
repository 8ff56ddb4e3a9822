"""Private bytes in a Layer III frame, behind its audio (ISO/IEC 11172-3 §2.4.1.7).

The bitrate determines the length of a frame. What its Huffman codes leave free, up to
where the next frame's begin, is *ancillary data*, which is the user's and which
decoders ignore; LAME fills it with its name. If there is too little room, the frame
gets a higher bitrate, as any frame may: every Layer III decoder must follow (§2.4.2.3,
bitrate_index).
"""

from __future__ import annotations

from voicecli.codecs.decoding.mpeg import FrameHeader, mp3_header

HEADER_BYTES = 4
_LENGTH_BITS = 12  # part2_3_length, the first field of a granule's side information
_BITRATE_SHIFT, _BITRATES = 12, 15


def with_ancillary(frame: bytes, data: bytes) -> bytes | None:
    """Make ``data`` the last bytes of ``frame``, at its own bitrate or the next with room.

    ``frame`` has no CRC and does not use the bit reservoir. None if even the highest
    bitrate has no room.
    """
    found = header_with_room(frame[:HEADER_BYTES], _audio_bytes(frame) + len(data))
    if found is None:
        return None
    head, header = found
    room_bytes = header.frame_bytes - len(data)
    return (head + frame[HEADER_BYTES:room_bytes]).ljust(room_bytes, b"\0") + data


def header_with_room(head: bytes, size_bytes: int) -> tuple[bytes, FrameHeader] | None:
    """Return ``head`` at its own bitrate, or the next at which a frame has that many bytes."""
    word = int.from_bytes(head, "big")
    for index in range(word >> _BITRATE_SHIFT & 0xF, _BITRATES):
        head = (word & ~(0xF << _BITRATE_SHIFT) | index << _BITRATE_SHIFT).to_bytes(4, "big")
        header = mp3_header(head)
        if header is not None and header.frame_bytes >= size_bytes:
            return head, header
    return None


def _audio_bytes(frame: bytes) -> int:
    """Return where the Huffman codes end, after header, side information and main data."""
    header = mp3_header(frame)
    assert header is not None
    begin = HEADER_BYTES + header.side_info_bytes
    side_info = int.from_bytes(frame[HEADER_BYTES:begin], "big")
    # The granules' parts fill the end of the side information, one for each channel.
    granules, width = (2, 59) if header.is_mpeg1 else (1, 63)
    bits = sum(
        side_info >> width * place - _LENGTH_BITS & (1 << _LENGTH_BITS) - 1
        for place in range(1, granules * header.channels + 1)
    )
    return begin + -(-bits // 8)
