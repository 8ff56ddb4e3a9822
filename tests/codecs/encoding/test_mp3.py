"""MP3 and its info tag, read back by our decoder and, in part, by FFmpeg."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from tests.codecs.encoding.roundtrip import MP3_DELAY, decoded, encoded, mp3_block, sound
from tests.codecs.mpeg_frames import mp3_frames
from voicecli.codecs.decoding.mp3 import InfoTag, info_tag
from voicecli.codecs.decoding.mpeg import MP3
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import mp3_padding
from voicecli.codecs.encoding.infotag import info_frame
from voicecli.codecs.encoding.mp3 import RATES_HZ, Mp3Encoder
from voicecli.errors import ConfigError

BITRATES = [
    (8_000, (8_000, 64_000)),
    (12_000, (8_000, 64_000)),
    (16_000, (8_000, 160_000)),
    (24_000, (8_000, 32_000, 160_000)),
    (32_000, (32_000, 320_000)),
    (48_000, (32_000, 320_000)),
]


def tag_of(data):
    return info_tag(next(FrameReader(MP3).feed(data)))


def crc16_arc(data):
    """Compute LAME's CRC-16, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def ffmpeg_frames(data):
    with av.open(io.BytesIO(data)) as file:
        return sum(frame.samples for frame in file.decode(audio=0))


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("rate_hz", "bitrates"), BITRATES)
def test_frames_have_the_requested_bitrate(rate_hz, bitrates, channels):
    for bitrate_bps in bitrates:
        data, _ = encoded(
            "mp3", sound(rate_hz, rate_hz, channels), rate_hz, bitrate_bps=bitrate_bps
        )
        _, *frames = mp3_frames(data)
        block_s = mp3_block(rate_hz) / rate_hz
        # The last may be larger, for its marker.
        bps = 8 * sum(map(len, frames[:-1])) / ((len(frames) - 1) * block_s)
        assert bps == pytest.approx(bitrate_bps, rel=0.01)
        assert tag_of(data) is not None


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_tag_of_a_stream_states_the_delay_but_no_count(rate_hz, channels):
    data, _ = encoded("mp3", sound(5_000, rate_hz, channels), rate_hz)
    assert tag_of(data) == InfoTag(None, 576, 0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_tag_of_a_file_states_everything(rate_hz, channels):
    _, file = encoded("mp3", sound(5_000, rate_hz, channels), rate_hz)
    count, block = len(mp3_frames(file)) - 1, mp3_block(rate_hz)
    assert count == -(-(5_000 + MP3_DELAY) // block)
    assert tag_of(file) == InfoTag(count, 576, count * block - 576 - 5_000)
    at = file.index(b"Info")
    assert file[at + 12 : at + 16] == file[at + 148 : at + 152] == len(file).to_bytes(4, "big")
    assert [*file[at + 16 : at + 19], *file[at + 114 : at + 116]] == [0, 2, 5, 250, 253]
    assert file[at + 154 : at + 156] == crc16_arc(file[: at + 154]).to_bytes(2, "big")


@pytest.mark.parametrize("frames", [5_000, 24_000])
def test_ffmpeg_decodes_as_many_frames_as_our_decoder(frames):
    stream, file = encoded("mp3", sound(frames))
    assert ffmpeg_frames(stream) == -(-(frames + MP3_DELAY) // 576) * 576 - MP3_DELAY
    assert ffmpeg_frames(file) == frames


def test_the_tag_frame_has_the_streams_bitrate_or_the_next_with_room():
    data, _ = encoded("mp3", sound(5_000), bitrate_bps=64_000)
    tag, *frames = mp3_frames(data)
    assert len(tag) == len(frames[0]) == 192
    data, _ = encoded("mp3", sound(5_000), bitrate_bps=8_000)
    tag, *frames = mp3_frames(data)
    assert len(frames[0]) == 24
    assert len(tag) == 192  # at 56 kbit/s 168 bytes: one too short


@pytest.mark.parametrize("frames", [0, 1, 47, 48, 5_000, 24_000])
def test_only_the_last_frame_is_marked(frames):
    for data in encoded("mp3", sound(frames)):
        _, *marks = [mp3_padding(frame) for frame in FrameReader(MP3).feed(data)]
        assert marks == [None] * (len(marks) - 1) + [(-frames - MP3_DELAY) % 576]


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("rate_hz", "bitrate_bps"),
    [(8_000, 64_000), (8_000, 8_000), (24_000, 160_000), (48_000, 32_000), (48_000, 320_000)],
)
def test_a_stream_of_noise_is_exact_at_any_bitrate(rate_hz, bitrate_bps, channels):
    noise = np.random.default_rng(1).uniform(-1, 1, (12_000, channels)).astype(np.float32)
    for frames in range(9_000, 12_000, 307):
        stream, file = encoded("mp3", noise[:frames], rate_hz, bitrate_bps=bitrate_bps)
        assert len(decoded("mp3", stream)) == len(decoded("mp3", file)) == frames


def test_frames_do_not_use_the_bit_reservoir():
    """No frame's data begins in an earlier one (``main_data_begin``, 8 bits in MPEG-2)."""
    data, _ = encoded("mp3", sound(24_000))
    assert {frame[4] for frame in mp3_frames(data)} == {0}


def test_a_byte_count_beyond_32_bits_is_left_open():
    data, _ = encoded("mp3", sound(1_000))
    _, like, *_ = mp3_frames(data)
    tag = info_frame(like, "Lavc", 576, 600, (1 << 24, 1 << 33))
    at = tag.index(b"Info")
    assert tag[at + 12 : at + 16] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("rate_hz", "bitrate_bps"),
    [(24_000, 64_001), (24_000, 0), (8_000, 80_000), (24_000, 320_000), (48_000, 8_000)],
)
def test_bitrates_that_mpeg_lacks_are_refused_with_the_choice(rate_hz, bitrate_bps):
    with pytest.raises(ConfigError, match=str(bitrate_bps)) as error:
        Mp3Encoder(rate_hz, 1, bitrate_bps=bitrate_bps)
    assert "64" in error.value.remedy


@pytest.mark.parametrize(
    ("rate_hz", "channels", "kbps"), [(24_000, 1, 64), (24_000, 2, 128), (8_000, 2, 64)]
)
def test_the_default_bitrate_is_64_kbps_per_channel(rate_hz, channels, kbps):
    data, _ = encoded("mp3", sound(9_000, rate_hz, channels), rate_hz)
    asked, _ = encoded("mp3", sound(9_000, rate_hz, channels), rate_hz, bitrate_bps=1000 * kbps)
    assert data == asked
