"""Small streams that decode to enormous amounts of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.codecs.containers import chunk, fmt, opus_head, opus_pages, riff
from tests.codecs.ffmpeg_streams import encode
from tests.codecs.mpeg_frames import adts_frames, silent_mp3_frame
from voicecli.codecs.decoding.flacheader import crc8, crc16


@dataclass(frozen=True)
class Bomb:
    """A small stream that decodes to much more than a call may return."""

    codec: str
    data: bytes
    frames: int


def flac_bomb(count=30):
    """Constant subframes: 36 bytes decode to 65,535 frames of 8 channels, 1 MB."""
    frames = 65_535
    word = 48_000 << 44 | (8 - 1) << 41 | (16 - 1) << 36 | frames * count
    info = frames.to_bytes(2, "big") * 2 + bytes(6) + word.to_bytes(8, "big") + bytes(16)
    data = b"fLaC\x80\0\0\x22" + info
    for number in range(count):
        coded = chr(number).encode()  # as UTF-8 codes characters (RFC 9639 §9.1.5)
        head = b"\xff\xf8\x7a\x78" + coded + (frames - 1).to_bytes(2, "big")
        frame = head + bytes([crc8(head)]) + b"\0\0\x01" * 8
        data += frame + crc16(frame).to_bytes(2, "big")
    return Bomb("flac", data, frames * count)


def opus_bomb(pages=4):
    """Two empty frames of 60 ms: two bytes decode to 5,760 frames of 2 channels."""
    packet = bytes([3 << 3 | 4 | 3, 2])
    count = 255 * pages
    data = b"".join(opus_pages([packet] * count, per_page=255, frame=5_760))
    return Bomb("opus", data, 5_760 * count - 312)


def mp3_bomb(count=4_000):
    """Silence at the lowest bitrate: 72 bytes decode to 576 frames of 2 channels."""
    frame = silent_mp3_frame(b"\xff\xe3\x18\x04")
    return Bomb("mp3", frame * count, 576 * count - 529)


def aac_bomb(count=2_100):
    """Silence: a dozen bytes decode to 1,024 frames."""
    frame = adts_frames(encode("aac", "adts", np.zeros((9_000, 1), np.int16), 24_000))[4]
    return Bomb("aac", frame * count, 1_024 * (count - 1))


def surround_bomb(pages=20):
    """Eight streams in each packet: 26 bytes decode to 5,760 frames of 8 channels."""
    empty = bytes([3 << 3 | 4 | 3, 2])
    packet = (empty + b"\0") * 7 + empty
    head = opus_head(8, family=255, mapping=bytes([8, 0, *range(8)]))
    count = 30 * pages
    data = b"".join(opus_pages([packet] * count, per_page=30, frame=5_760, head=head))
    return Bomb("opus", data, 5_760 * count - 312)


def wav_bomb(count=2_000_000):
    """One byte a sample at 1 kHz, of which a device at 48 kHz takes 48 frames."""
    return Bomb("wav", riff(fmt(1, 1_000, 8), chunk(b"data", bytes(count))), count)
