"""Ancillary data in LAME's frames does not change the decoded samples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.mpeg_frames import silent_mp3_frame
from voicecli.codecs.decoding.libav import LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import mp3_header
from voicecli.codecs.encoding.ancillary import with_ancillary
from voicecli.codecs.encoding.libav import LibavPacketEncoder

DATA = bytes(range(1, 17))
SHAPES = [
    (8_000, 1, 8_000),
    (16_000, 2, 32_000),
    (24_000, 1, 64_000),
    (24_000, 2, 8_000),
    (44_100, 1, 128_000),
    (48_000, 2, 32_000),
]


def lame_frames(rate_hz, channels, bitrate_bps):
    """Encode noise to frames without a bit reservoir."""
    encoder = LibavPacketEncoder(
        "libmp3lame", "fltp", rate_hz, channels, bitrate_bps=bitrate_bps,
        options={"reservoir": "0"},
    )  # fmt: skip
    rng = np.random.default_rng(rate_hz)
    blocks = rng.uniform(-0.5, 0.5, (12, encoder.block_frames, channels)).astype(np.float32)
    return [packet for block in blocks for packet in encoder.encode(block)]


def samples_of(frames):
    decoder = LibavPacketDecoder("mp3float")
    return np.concatenate([block.samples for frame in frames for block in decoder.decode(frame)])


@pytest.mark.parametrize(("rate_hz", "channels", "bitrate_bps"), SHAPES)
def test_ancillary_data_does_not_change_the_audio(rate_hz, channels, bitrate_bps):
    frames = lame_frames(rate_hz, channels, bitrate_bps)
    bearing = [with_ancillary(frame, DATA) for frame in frames]
    for frame, other in zip(frames, bearing, strict=True):
        header = mp3_header(other)
        assert header.identity == mp3_header(frame).identity
        assert header.channels == channels
        assert len(other) == header.frame_bytes
        assert other.endswith(DATA)
    assert np.array_equal(samples_of(bearing), samples_of(frames))
    # Noise fills the frames, so most had to grow.
    assert sum(map(len, bearing)) > sum(map(len, frames))


def test_a_frame_with_room_keeps_its_length():
    for head in (
        b"\xff\xfb\x90\xc4",
        b"\xff\xfb\x90\x04",
        b"\xff\xf3\xc4\xc4",
        b"\xff\xf3\xc4\x04",
    ):
        frame = silent_mp3_frame(head)
        assert with_ancillary(frame, DATA) == frame[: -len(DATA)] + DATA


@pytest.mark.parametrize(
    ("head", "side"),
    [
        (b"\xff\xfb\x90\xc4", 17),  # MPEG-1 mono
        (b"\xff\xfb\x90\x04", 32),  # MPEG-1 stereo
        (b"\xff\xf3\xc4\xc4", 9),  # MPEG-2 mono
        (b"\xff\xf3\xc4\x04", 17),  # MPEG-2 stereo
    ],
)
def test_room_begins_after_every_channel_of_every_granule(head, side):
    frame = silent_mp3_frame(head)
    header = mp3_header(head)
    assert header.side_info_bytes == side
    parts = (2 if header.frames == 1152 else 1) * header.channels
    width = (59, 63)[header.frames == 576]
    for sound_bits in (0, 1, 8, 9):
        # Each part of the side information begins with its length in bits (12 bits).
        lengths = sum(sound_bits << width * at + width - 12 for at in range(parts))
        filled = head + lengths.to_bytes(side, "big") + frame[4 + side :]
        room = len(frame) - 4 - side - -(-parts * sound_bits // 8)
        assert with_ancillary(filled, bytes(room))[:4] == head
        assert len(with_ancillary(filled, bytes(room + 1))) > len(frame)


def test_without_room_at_any_bitrate_there_is_none():
    frame = silent_mp3_frame(b"\xff\xfb\xe0\xc4")  # 320 kbit/s
    assert with_ancillary(frame, bytes(len(frame) - 4 - 17)) is not None
    assert with_ancillary(frame, bytes(len(frame) - 4 - 16)) is None
