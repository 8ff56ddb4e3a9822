from __future__ import annotations

import av
import pytest

from tests.codecs.ffmpeg_streams import adts, mp3
from tests.codecs.mpeg_frames import adts_frames, mp3_frames
from voicecli.codecs.decoding.mpeg import adts_header, mp3_header

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES)
def test_mp3_headers_hold_the_encoders_settings(rate_hz, channels):
    for frame in mp3_frames(mp3(3000, rate_hz, channels)):
        header = mp3_header(frame)
        assert (header.rate_hz, header.channels) == (rate_hz, channels)
        assert header.frames == (1152 if rate_hz >= 32000 else 576)
        assert header.header_bytes == 4


def test_mp3_frame_lengths_agree_with_libavs_parser():
    data = mp3(9000, 44100, 2)
    context = av.CodecContext.create("mp3float", "r")
    packets = context.parse(data[len(data) - sum(map(len, mp3_frames(data))) :])
    packets += context.parse(None)
    assert [packet.size for packet in packets] == [len(frame) for frame in mp3_frames(data)]


def test_an_mp3_header_with_crc_is_two_bytes_longer():
    assert mp3_header(b"\xff\xfa\x90\xc4").header_bytes == 6


def test_padding_adds_one_byte():
    assert mp3_header(b"\xff\xfb\x90\xc4").frame_bytes == 417  # 144 * 128000 / 44100
    assert mp3_header(b"\xff\xfb\x92\xc4").frame_bytes == 418


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfb\x90",
        b"\xfe\xfb\x90\xc4",  # no sync
        b"\xff\xeb\x90\xc4",  # reserved version
        b"\xff\xfd\x90\xc4",  # Layer II
        b"\xff\xf9\x90\xc4",  # reserved layer
        b"\xff\xfb\x00\xc4",  # free format
        b"\xff\xfb\xf0\xc4",  # invalid bitrate
        b"\xff\xfb\x9c\xc4",  # reserved rate
        b"\xff\xfb\x90\xc6",  # reserved emphasis
    ],
)
def test_invalid_mp3_headers_are_rejected(head):
    assert mp3_header(head) is None


def test_channel_mode_and_bitrate_may_change_within_a_stream_but_not_the_rate():
    identities = {mp3_header(head).identity for head in (b"\xff\xfb\x90\xc4", b"\xff\xfa\xa2\x04")}
    assert len(identities) == 1
    assert mp3_header(b"\xff\xfb\x94\xc4").identity not in identities


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES)
def test_adts_headers_hold_the_encoders_settings(rate_hz, channels):
    data = adts(3000, rate_hz, channels)
    frames = adts_frames(data)
    assert b"".join(frames) == data
    for frame in frames:
        header = adts_header(frame)
        assert (header.rate_hz, header.channels, header.frames) == (rate_hz, channels, 1024)
        assert header.header_bytes == 7


def adts_head(**fields):
    """Make an ADTS header of 24 kHz mono, with some fields changed."""
    widths = {
        "sync": (12, 0xFFF), "id": (1, 0), "layer": (2, 0), "no_crc": (1, 1), "profile": (2, 1),
        "rate": (4, 6), "private": (1, 0), "channels": (3, 1), "copy": (4, 0), "length": (13, 200),
        "fullness": (11, 0x7FF), "blocks": (2, 0),
    }  # fmt: skip
    word = 0
    for name, (width, value) in widths.items():
        word = word << width | fields.get(name, value)
    return word.to_bytes(7, "big")


def test_adts_fields_are_parsed():
    header = adts_header(b"junk" + adts_head(no_crc=0, blocks=2, channels=7), 4)
    assert (header.header_bytes, header.frames, header.channels) == (9, 3072, 8)
    assert (header.frame_bytes, header.rate_hz) == (200, 24000)


def test_adts_identity_is_profile_rate_and_channels():
    same = {adts_header(adts_head(**f)).identity for f in ({}, {"length": 9}, {"fullness": 1})}
    assert same == {adts_header(adts_head(no_crc=0, private=1, copy=9, blocks=1)).identity}
    for field, value in (("profile", 0), ("rate", 3), ("channels", 2), ("id", 1)):
        assert adts_header(adts_head(**{field: value})).identity not in same


@pytest.mark.parametrize(
    "fields",
    [{"sync": 0xFFE}, {"layer": 1}, {"rate": 13}, {"length": 7}, {"no_crc": 0, "length": 9}],
)
def test_invalid_adts_headers_are_rejected(fields):
    assert adts_header(adts_head(**fields)) is None


def test_a_partial_adts_header_is_rejected():
    assert adts_header(adts_head()[:6]) is None
