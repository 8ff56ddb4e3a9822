"""Chunks and headers of WAV, split and damaged."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import chunk, extensible, fmt, riff, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined, split_at
from tests.codecs.signals import noise
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import CorruptStream, TruncatedStream

SIZES = [1, 7, 4096]
LIST = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0")
UNKNOWN = [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0x80000000]


def samples(data, size=None):
    return joined(decode(WavDecoder(), in_pieces(size, data) if size else [data]))


@pytest.mark.parametrize("size", SIZES)
def test_chunks_before_and_after_the_data_are_not_played(size):
    sound = noise(100)
    data = riff(
        chunk(b"JUNK", b"x" * 27),
        fmt(),
        chunk(b"fact", struct.pack("<I", 100)),
        LIST,
        chunk(b"data", sound.tobytes()),
        LIST,
        chunk(b"id3 ", b"y" * 1001),
    )
    assert np.array_equal(samples(data, size), sound)
    assert np.array_equal(samples(data + data, size), np.concatenate([sound, sound]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("between", [b"", LIST, LIST + chunk(b"id3 ", b"y" * 1001)])
@pytest.mark.parametrize("bits", [8, 16])
def test_further_data_chunks_are_played(size, between, bits):
    sound = (np.arange(303) % 200).astype(np.uint8 if bits == 8 else "<i2")
    parts = (sound[:101], sound[101:200], sound[200:])
    chunks = [chunk(b"data", part.tobytes()) + between for part in parts]
    data = riff(fmt(bits=bits), *chunks)
    expected = samples(riff(fmt(bits=bits), chunk(b"data", sound.tobytes())))
    assert np.array_equal(samples(data, size), expected)
    assert np.array_equal(samples(data + data, size), np.concatenate([expected, expected]))


def test_a_further_data_chunk_that_is_cut_is_reported():
    data = wav(noise(50)) + chunk(b"data", noise(50).tobytes())[:-10]
    blocks, fault = decode_until_fault(WavDecoder(), [data])
    assert len(joined(blocks)) == 95
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("size", SIZES)
def test_odd_chunks_without_padding_are_skipped(size):
    sound = noise(100)
    unpadded = b"LIST" + struct.pack("<I", 5) + b"INFOx"
    assert np.array_equal(
        samples(riff(fmt(), unpadded, chunk(b"data", sound.tobytes())), size), sound
    )


@pytest.mark.parametrize("pad", [b"\0", b""])
def test_odd_data_may_lack_padding_before_the_next_file(pad):
    one = riff(fmt(bits=8), b"data" + struct.pack("<I", 3) + b"\x80\x81\x82")
    expected = np.array([0, 256, 512] * 2, np.int16)[:, None]
    assert np.array_equal(samples(one + pad + one), expected)


def test_garbage_after_the_data_is_ignored():
    sound = noise(50)
    assert np.array_equal(samples(wav(sound) + b"\xff" * 999 + b"RIFF"), sound)


def test_a_trailing_chunk_of_absurd_size_does_not_hide_the_next_file():
    sound = noise(50)
    absurd = b"LIST" + struct.pack("<I", 0xFFFFFFF0) + b"INFO"
    assert np.array_equal(samples(wav(sound) + absurd + wav(sound)), np.concatenate([sound, sound]))


@pytest.mark.parametrize("lead", [fmt() + b"JUNK", b"fmt "])
def test_a_leading_chunk_of_absurd_size_takes_no_memory(lead):
    decoder = WavDecoder()
    decoder.feed(riff(lead) + struct.pack("<I", 0xFFFFFFF0) + fmt()[8:] + bytes(24))
    for _ in range(100):
        decoder.feed(bytes(10_000))
        assert len(decoder._buffer) <= 10_000
    with pytest.raises(TruncatedStream, match="inside its header"):
        decoder.flush()


def test_the_unknown_end_of_a_long_format_chunk_is_skipped():
    sound = noise(50)
    long = chunk(b"fmt ", fmt(1, 24_000)[8:] + bytes(61))
    assert np.array_equal(samples(riff(long, chunk(b"data", sound.tobytes())), 1), sound)


def odd(name, size, *, padded):
    """Make a chunk whose body resembles chunks, with or without its padding."""
    body = (b"data\x04\0\0\0fmt \x10\0\0\0RIFF1234WAVE" * (size // 28 + 1))[:size]
    return name + struct.pack("<I", size) + body + b"\0" * (size & 1 and padded)


_CHUNKS = st.lists(
    st.builds(
        odd,
        st.sampled_from([b"JUNK", b"LIST", b"fact", b"bext"]),
        st.integers(0, 50) | st.integers(51, 5_000),
        padded=st.booleans(),
    ),
    max_size=3,
).map(b"".join)


@st.composite
def _files(draw):
    """Draw a WAV with chunks before its data, and its samples."""
    sound = noise(draw(st.integers(1, 30)), seed=draw(st.integers(0, 99)))
    size = draw(st.sampled_from([None, *UNKNOWN]))
    more = draw(st.integers(0, 70))
    layout = b"fmt " + struct.pack("<I", 16 + more) + fmt(1, 24_000)[8:] + bytes(more)
    layout += b"\0" * (more & 1 and draw(st.booleans()))
    before, behind = draw(_CHUNKS), draw(_CHUNKS)
    return riff(before, layout, behind, chunk(b"data", sound.tobytes(), size)), sound


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(_files(), min_size=1, max_size=3),
    points=st.lists(st.integers(0, 6_000), max_size=12),
)
def test_headers_are_read_for_any_split(files, points):
    data = b"".join(file for file, _ in files)
    expected = np.concatenate([sound for _, sound in files])
    for pieces in ([data], split_at(data, points), in_pieces(1, data)):
        assert np.array_equal(joined(decode(WavDecoder(), pieces)), expected)


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(_files(), min_size=1, max_size=2),
    damage=st.lists(
        st.tuples(
            st.integers(0, 150),
            st.integers(0, 4),
            st.sampled_from([b"", b"\0", b"\0\0", b"\1", b"fmt ", b"data", b"RIFF"]),
        ),
        min_size=1,
        max_size=4,
    ),
    points=st.lists(st.integers(0, 400), max_size=12),
)
def test_a_damaged_header_gives_the_same_result_for_any_split(files, damage, points):
    mangled = bytearray(b"".join(file for file, _ in files))
    for at, size, put in damage:
        mangled[at : at + size] = put
    data = bytes(mangled)
    blocks, fault = decode_until_fault(WavDecoder(), [data])
    for pieces in (split_at(data, points), in_pieces(1, data)):
        others, other = decode_until_fault(WavDecoder(), pieces)
        assert [(block.rate_hz, block.channels) for block in others][:1] == [
            (block.rate_hz, block.channels) for block in blocks
        ][:1]
        assert b"".join(block.samples.tobytes() for block in others) == b"".join(
            block.samples.tobytes() for block in blocks
        )
        assert (type(other), str(other)) == (type(fault), str(fault))


@pytest.mark.parametrize("size", SIZES)
def test_at_most_one_byte_of_padding_is_skipped(size):
    data = riff(fmt(), odd(b"LIST", 5, padded=True), b"\0", chunk(b"data", noise(9).tobytes()))
    blocks, fault = decode_until_fault(WavDecoder(), in_pieces(size, data))
    assert blocks == []
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("size", SIZES)
def test_each_file_needs_its_own_format(size):
    sound = noise(9)
    data = wav(sound) + riff(LIST, chunk(b"data", sound.tobytes()))
    blocks, fault = decode_until_fault(WavDecoder(), in_pieces(size, data))
    assert np.array_equal(joined(blocks), sound)
    assert isinstance(fault, CorruptStream)


def test_a_header_may_be_split_anywhere():
    sounds = noise(9), noise(7, seed=2), noise(5, seed=3)
    longer = b"fmt " + struct.pack("<I", 57) + fmt(1, 24_000)[8:] + bytes(41)
    files = [
        riff(odd(b"JUNK", 27, padded=True), fmt(), odd(b"LIST", 5, padded=False)),
        riff(odd(b"bext", 31, padded=False), longer, b"\0", odd(b"fact", 0, padded=True)),
        riff(extensible(1, 24_000, 16, 1), LIST),
    ]
    sizes = 0xFFFFFFFF, None, None
    data = b"".join(
        file + chunk(b"data", sound.tobytes(), size)
        for file, sound, size in zip(files, sounds, sizes, strict=True)
    )
    for at in range(len(data)):
        for points in ([at], [at, at + 1]):
            assert np.array_equal(
                joined(decode(WavDecoder(), split_at(data, points))), np.concatenate(sounds)
            )
