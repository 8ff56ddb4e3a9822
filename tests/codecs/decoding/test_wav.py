"""WAV: true, placeholder and wrong sizes, sample formats, and concatenated files."""

from __future__ import annotations

import struct
from itertools import product

import numpy as np
import pytest

from tests.codecs.containers import chunk, fmt, riff, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.signals import noise
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.following import find_header
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import TruncatedStream

SIZES = [1, 7, 4096]
UNKNOWN = [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0x80000000]


def samples(data, size=None):
    return joined(decode(WavDecoder(), in_pieces(size, data) if size else [data]))


def odd(name, size, *, padded):
    """Make a chunk whose body resembles chunks, with or without its padding."""
    body = (b"data\x04\0\0\0fmt \x10\0\0\0RIFF1234WAVE" * (size // 28 + 1))[:size]
    return name + struct.pack("<I", size) + body + b"\0" * (size & 1 and padded)


@pytest.mark.parametrize("claim", [None, *UNKNOWN])
def test_every_placeholder_size_is_accepted(claim):
    sound = noise(700)
    for size in SIZES:
        assert np.array_equal(samples(wav(sound, size=claim), size), sound)


@pytest.mark.parametrize("claim", UNKNOWN)
def test_the_next_file_is_found_after_data_of_unknown_size(claim):
    # A gap within data of unknown size may cost one cut frame only.
    first, second = noise(300, seed=3), noise(200, seed=4)
    for gap, size in product((b"", b"\0", b"junk!"), SIZES):
        data = wav(first, size=claim) + gap + wav(second)
        blocks, fault = decode_until_fault(WavDecoder(), in_pieces(size, data))
        expected = [first, np.frombuffer(gap[: len(gap) // 2 * 2], "<i2").reshape(-1, 1), second]
        assert np.array_equal(joined(blocks), np.concatenate(expected))
        assert isinstance(fault, TruncatedStream if len(gap) % 2 else type(None))


@pytest.mark.parametrize("size", SIZES)
def test_rate_channels_and_type_may_change_from_file_to_file(size):
    mono, stereo = noise(100), noise(50, 2)
    floats = np.linspace(-1, 1, 30, dtype="<f4")[:, None]
    data = wav(mono, 24_000, size=0xFFFFFFFF)
    data += wav(stereo, 44_100)
    data += riff(fmt(1, 16_000, 32, 3), chunk(b"data", floats.tobytes()))
    decoder = WavDecoder()
    blocks = decode(decoder, in_pieces(size, data))
    assert decoder.format == AudioFormat(16_000, 1, "float32")
    for rate_hz, sound in ((24_000, mono), (44_100, stereo), (16_000, floats)):
        part = joined([block for block in blocks if block.rate_hz == rate_hz])
        assert np.array_equal(part, sound)


def test_a_new_file_is_found_within_data_that_claimed_more():
    first, second = noise(100), noise(100, seed=2)
    data = wav(first, size=1000) + wav(second)
    blocks, fault = decode_until_fault(WavDecoder(), [data])
    assert np.array_equal(joined(blocks), np.concatenate([first, second]))
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("size", SIZES)
def test_a_slightly_too_large_size_does_not_hide_the_next_file(size):
    first, second = noise(100), noise(100, seed=2)
    for excess in range(1, 15):
        data = wav(first, size=200 + excess) + wav(second)
        blocks, fault = decode_until_fault(WavDecoder(), in_pieces(size, data))
        assert np.array_equal(joined(blocks), np.concatenate([first, second]))
        assert isinstance(fault, TruncatedStream)


def test_only_a_possible_header_is_held_back():
    decoder = WavDecoder()
    decoder.feed(wav(noise(4), size=0))
    assert joined(decoder.feed(b"abcdRIFF1234WAVE")).tobytes() == b"abcd"
    assert joined(decoder.feed(b"ab")).tobytes() == b"RIFF1234WAVEab"
    assert joined(decoder.feed(b"xyzR")).tobytes() == b"xy"
    assert joined(decoder.feed(b"x")).tobytes() == b"zRx"[:2]
    assert decoder.feed(b"RIF") == []
    assert joined(decoder.flush()).tobytes() == b"xRIF"


@pytest.mark.parametrize(
    ("buffer", "expected"),
    [
        (b"", (0, False)),
        (b"abc", (3, False)),
        (b"abR", (2, False)),
        (b"abRIF", (2, False)),
        (b"abRIFF", (2, False)),
        (b"abRIFF....WA", (2, False)),
        (b"abRIFF....WOVE", (14, False)),
        (b"abRIFF....WAVEfm", (2, False)),
        (b"abRIFF....WAVEfmt ", (2, True)),
        (b"abRIFF....WAVEJUNK", (2, True)),
        (b"abRIFF....WAVEnope", (18, False)),
        (b"RIFFRIFF....WAVEfmt ", (4, True)),
        (b"abRIFF....WAVEnoRI", (16, False)),
    ],
)
def test_headers_are_found_in_a_short_buffer(buffer, expected):
    assert find_header(buffer, 0) == expected


@pytest.mark.parametrize("at", [*range(6), 70_001, 139_980, 139_983])
def test_a_header_is_found_anywhere_in_a_long_buffer(at):
    header = b"RIFF....WAVEfmt "
    for start, odd, filler in product((0, 1, 2), (0, 1), (b"\0\0", b"FF", b"\xff\x7f")):
        long = bytearray(140_000 + odd)
        long[1_000:1_002] = filler
        long[at : at + len(header)] = header
        buffer = bytes(long[: 140_000 + odd])
        if at < start:
            assert find_header(buffer, start) == (len(buffer), False)
        else:
            assert find_header(buffer, start) == (at, True)
            assert find_header(buffer[: at + 15], start) == (at, False)


@pytest.mark.parametrize("size", [9_000, 9_001])
def test_a_partial_header_at_the_end_is_held_back(size):
    for kept in range(1, 16):
        head = b"RIFF....WAVEfmt "[:kept]
        assert find_header(bytes(size) + head, 0) == (size, False)
