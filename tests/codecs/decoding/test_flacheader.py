from __future__ import annotations

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.ffmpeg_streams import flac
from voicecli.codecs.decoding.flacheader import StreamInfo, crc8, crc16, flac_frame_header

INFO = StreamInfo(bytes(34), 24000, 1, 16, None)


def test_crcs_have_their_check_values():
    assert crc8(b"123456789") == 0xF4  # CRC-8/SMBUS
    assert crc16(b"123456789") == 0xFEE8  # CRC-16/UMTS


@given(data=st.binary(max_size=40))
def test_data_with_its_own_crc_has_crc_zero(data):
    assert crc8(data + bytes([crc8(data)])) == 0
    assert crc16(data + crc16(data).to_bytes(2, "big")) == 0
    assert crc16(b"\0" + data) == crc16(data)
    assert binascii.crc_hqx(b"123456789", 0) != crc16(b"123456789")  # another polynomial


@pytest.mark.parametrize("sample_type", ["s16", "s32"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(24000, 1), (22050, 2), (96000, 2), (7000, 1)])
def test_streaminfo_holds_the_encoders_settings(rate_hz, channels, sample_type):
    stream = flac(3000, rate_hz, channels, sample_type=sample_type)
    info = StreamInfo.parse(stream[8:42])
    assert (info.rate_hz, info.channels, info.total_frames) == (rate_hz, channels, 3000)
    assert info.bits == {"s16": 16, "s32": 24}[sample_type]
    assert StreamInfo.parse(flac(3000, pipe=True)[8:42]).total_frames is None


def coded(number):
    """Code a number of up to 36 bits (RFC 9639 §9.1.5)."""
    if number < 0x80:
        return bytes([number])
    tail = []
    for room in (5, 4, 3, 2, 1, 0):
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        if number < 1 << room:
            return bytes([(0xFF00 >> 7 - room) & 0xFF | number, *tail])
    raise AssertionError("more than 36 bits")


def head(
    *, block=8, rate=7, channels=0, bits=4, number=0, variable=0, sizes=b"", rates=b"", reserved=0
):
    """Make a frame header of these codes, with a correct CRC."""
    fixed = bytes([0xFF, 0xF8 | variable, block << 4 | rate, channels << 4 | bits << 1 | reserved])
    data = fixed + (number if isinstance(number, bytes) else coded(number)) + sizes + rates
    return data + bytes([crc8(data)])


@pytest.mark.parametrize(
    ("code", "extra", "frames"),
    [(1, b"", 192), (2, b"", 576), (5, b"", 4608), (8, b"", 256), (15, b"", 32768),
     (6, b"\x2f", 48), (7, b"\x0f\xff", 4096)],
)  # fmt: skip
def test_block_sizes_are_parsed(code, extra, frames):
    assert flac_frame_header(head(block=code, sizes=extra), 0, INFO).block_frames == frames


@pytest.mark.parametrize(
    ("code", "extra", "rate_hz"),
    [(0, b"", 24000), (1, b"", 88200), (4, b"", 8000), (6, b"", 22050), (9, b"", 44100),
     (11, b"", 96000), (12, b"\x12", 18000), (13, b"\x1b\x58", 7000), (14, b"\x0f\xa0", 40000)],
)  # fmt: skip
def test_rates_are_parsed(code, extra, rate_hz):
    assert flac_frame_header(head(rate=code, rates=extra), 0, INFO).rate_hz == rate_hz


def test_channels_and_depth_are_parsed():
    pairs = [(0, 1), (1, 2), (7, 8), (8, 2), (10, 2)]
    for code, channels in pairs:
        assert flac_frame_header(head(channels=code), 0, INFO).channels == channels
    for code, bits in [(0, 16), (1, 8), (2, 12), (4, 16), (5, 20), (6, 24), (7, 32)]:
        assert flac_frame_header(head(bits=code), 0, INFO).bits == bits


@given(number=st.integers(0, 2**36 - 1), junk=st.binary(max_size=5))
def test_numbers_of_any_length_are_parsed(number, junk):
    data = head(number=number, block=7, sizes=b"\0\x0f")
    header = flac_frame_header(junk + data + b"x", len(junk), INFO)
    assert header.number == number
    assert header.header_bytes == len(data)
    assert header.block_frames == 16
    for size in range(len(data)):
        assert flac_frame_header(data[:size], 0, INFO) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xf0" + head()[2:],
        b"\xfe" + head()[1:],
        head(block=0),
        head(rate=15),
        head(channels=11),
        head(bits=3),
        head(reserved=1),
        head(number=b"\x80"),  # a continuation byte
        head(number=b"\xff" + b"\x80" * 7),
        head(number=b"\xc4\x01"),  # a continuation byte is missing
        head()[:-1] + bytes([head()[-1] ^ 1]),
    ],
)
def test_invalid_headers_are_rejected(data):
    assert flac_frame_header(data + bytes(16), 0, INFO) is None


def parsed(**fields):
    return flac_frame_header(head(**fields), 0, INFO)


def test_a_header_continues_the_one_before():
    before = parsed(number=7)
    assert parsed(number=8).continues(before)
    assert parsed(number=8, block=1).continues(before)
    for other in ({"number": 9}, {"number": 7}, {"bits": 6}):
        assert not parsed(**{"number": 8, **other}).continues(before)
    assert parsed(number=8).is_like(before)
    for other in ({"rate": 9}, {"channels": 1}):
        after = parsed(**{"number": 8, **other})
        assert after.continues(before)
        assert not after.is_like(before)
    assert not parsed(number=8, variable=1).continues(before)
    assert parsed(number=256, variable=1).continues(parsed(number=0, variable=1))
    assert not parsed(number=1, variable=1).continues(parsed(number=0, variable=1))


def test_the_size_limit_exceeds_verbatim_samples():
    assert parsed(block=8, channels=1, bits=6).max_bytes > 256 * 2 * 3
