"""WAV: honest sizes, lies, strangers, and files in a row."""

from __future__ import annotations

import struct
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import chunk, extensible, fmt, riff, wav
from tests.codecs.feeding import by, cut, decode, decode_until_fault, joined
from tests.codecs.signals import noise
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.wav import WavDecoder, find_header
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

SIZES = [1, 7, 4096]
LIST = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0")
UNKNOWN = [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0x80000000]


def samples(data, size=None):
    return joined(decode(WavDecoder(), by(size, data) if size else [data]))


# --- sizes


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("claim", [None, *UNKNOWN])
def test_every_way_to_write_a_size(claim, size):
    sound = noise(700)
    assert np.array_equal(samples(wav(sound, size=claim), size), sound)


@pytest.mark.parametrize("claim", UNKNOWN)
@pytest.mark.parametrize("gap", [b"", b"\0", b"junk!"])
@pytest.mark.parametrize("size", SIZES)
def test_the_next_file_after_data_of_unknown_size(claim, gap, size):
    # One cut frame is all that a gap within data of unknown size may cost.
    first, second = noise(300, seed=3), noise(200, seed=4)
    blocks, fault = decode_until_fault(
        WavDecoder(), by(size, wav(first, size=claim) + gap + wav(second))
    )
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
    blocks = decode(decoder, by(size, data))
    assert decoder.format == AudioFormat(16_000, 1, "float32")
    for rate_hz, sound in ((24_000, mono), (44_100, stereo), (16_000, floats)):
        part = joined([block for block in blocks if block.rate_hz == rate_hz])
        assert np.array_equal(part, sound)


def test_the_header_of_a_new_file_is_found_within_data_that_claimed_more():
    first, second = noise(100), noise(100, seed=2)
    data = wav(first, size=1000) + wav(second)
    blocks, fault = decode_until_fault(WavDecoder(), [data])
    assert np.array_equal(joined(blocks), np.concatenate([first, second]))
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("over", range(1, 15))
@pytest.mark.parametrize("size", SIZES)
def test_a_size_a_little_too_large_hides_no_file(over, size):
    first, second = noise(100), noise(100, seed=2)
    data = wav(first, size=200 + over) + wav(second)
    blocks, fault = decode_until_fault(WavDecoder(), by(size, data))
    assert np.array_equal(joined(blocks), np.concatenate([first, second]))
    assert isinstance(fault, TruncatedStream)


def test_nothing_but_a_possible_header_is_held_back():
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
def test_find_header(buffer, expected):
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


# --- chunks


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
def test_odd_chunks_that_forgot_their_padding(size):
    sound = noise(100)
    unpadded = b"LIST" + struct.pack("<I", 5) + b"INFOx"
    assert np.array_equal(
        samples(riff(fmt(), unpadded, chunk(b"data", sound.tobytes())), size), sound
    )


@pytest.mark.parametrize("pad", [b"\0", b""])
def test_odd_data_is_followed_by_a_file_with_or_without_padding(pad):
    one = riff(fmt(bits=8), b"data" + struct.pack("<I", 3) + b"\x80\x81\x82")
    expected = np.array([0, 256, 512] * 2, np.int16)[:, None]
    assert np.array_equal(samples(one + pad + one), expected)


def test_rubbish_after_the_data_is_nothing():
    sound = noise(50)
    assert np.array_equal(samples(wav(sound) + b"\xff" * 999 + b"RIFF"), sound)


def test_a_trailing_chunk_of_absurd_size_hides_no_file():
    sound = noise(50)
    lie = b"LIST" + struct.pack("<I", 0xFFFFFFF0) + b"INFO"
    assert np.array_equal(samples(wav(sound) + lie + wav(sound)), np.concatenate([sound, sound]))


@pytest.mark.parametrize("lead", [fmt() + b"JUNK", b"fmt "])
def test_a_leading_chunk_of_absurd_size_takes_no_memory(lead):
    decoder = WavDecoder()
    decoder.feed(riff(lead) + struct.pack("<I", 0xFFFFFFF0) + fmt()[8:] + bytes(24))
    for _ in range(100):
        decoder.feed(bytes(10_000))
        assert len(decoder._buffer) <= 10_000
    with pytest.raises(TruncatedStream, match="inside its header"):
        decoder.flush()


def test_a_format_chunk_longer_than_known_is_read_as_far_as_known():
    sound = noise(50)
    long = chunk(b"fmt ", fmt(1, 24_000)[8:] + bytes(61))
    assert np.array_equal(samples(riff(long, chunk(b"data", sound.tobytes())), 1), sound)


def odd(name, size, *, padded):
    """A chunk whose body holds what looks like chunks, with or without its padding."""
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
    """A WAV with all that may stand before its data, and its samples."""
    sound = noise(draw(st.integers(1, 30)), seed=draw(st.integers(0, 99)))
    size = draw(st.sampled_from([None, *UNKNOWN]))
    more = draw(st.integers(0, 70))
    layout = b"fmt " + struct.pack("<I", 16 + more) + fmt(1, 24_000)[8:] + bytes(more)
    layout += b"\0" * (more & 1 and draw(st.booleans()))
    before, behind = draw(_CHUNKS), draw(_CHUNKS)
    return riff(before, layout, behind, chunk(b"data", sound.tobytes(), size)), sound


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(_files(), min_size=1, max_size=3),
    points=st.lists(st.integers(0, 6_000), max_size=12),
)
def test_headers_are_read_however_they_are_cut(files, points):
    data = b"".join(file for file, _ in files)
    expected = np.concatenate([sound for _, sound in files])
    for pieces in ([data], cut(data, points), by(1, data)):
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
def test_a_damaged_header_is_the_same_however_it_is_cut(files, damage, points):
    mangled = bytearray(b"".join(file for file, _ in files))
    for at, size, put in damage:
        mangled[at : at + size] = put
    data = bytes(mangled)
    blocks, fault = decode_until_fault(WavDecoder(), [data])
    for pieces in (cut(data, points), by(1, data)):
        others, other = decode_until_fault(WavDecoder(), pieces)
        assert [(block.rate_hz, block.channels) for block in others][:1] == [
            (block.rate_hz, block.channels) for block in blocks
        ][:1]
        assert b"".join(block.samples.tobytes() for block in others) == b"".join(
            block.samples.tobytes() for block in blocks
        )
        assert (type(other), str(other)) == (type(fault), str(fault))


@pytest.mark.parametrize("size", SIZES)
def test_of_the_padding_no_more_than_a_byte_is_passed_over(size):
    data = riff(fmt(), odd(b"LIST", 5, padded=True), b"\0", chunk(b"data", noise(9).tobytes()))
    blocks, fault = decode_until_fault(WavDecoder(), by(size, data))
    assert blocks == []
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("size", SIZES)
def test_each_file_says_its_own_format(size):
    sound = noise(9)
    data = wav(sound) + riff(LIST, chunk(b"data", sound.tobytes()))
    blocks, fault = decode_until_fault(WavDecoder(), by(size, data))
    assert np.array_equal(joined(blocks), sound)
    assert isinstance(fault, CorruptStream)


def test_a_header_is_read_wherever_it_is_cut_in_two():
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
                joined(decode(WavDecoder(), cut(data, points))), np.concatenate(sounds)
            )


# --- sample formats


def ints(bits, count=64):
    """The extremes, zero and a ramp, as integers of that many bits."""
    top = 1 << (bits - 1)
    return np.array([-top, top - 1, 0, 1, -1, *np.linspace(-top, top - 1, count).astype(int)])


def data_of(layout, raw):
    return riff(layout, chunk(b"data", raw))


@pytest.mark.parametrize("size", [None, 1, 5])
def test_8_bits_become_int16_exactly(size):
    values = ints(8)
    raw = (values + 128).astype(np.uint8).tobytes()
    got = samples(data_of(fmt(bits=8), raw), size)
    assert got.dtype == np.int16
    assert np.array_equal(got[:, 0], values * 256)


@pytest.mark.parametrize("size", [None, 1, 5])
def test_24_bits_become_float32_exactly(size):
    values = ints(24)
    raw = b"".join(int(value).to_bytes(3, "little", signed=True) for value in values)
    got = samples(data_of(fmt(bits=24), raw), size)
    assert got.dtype == np.float32
    assert np.array_equal(got[:, 0], values / 2.0**23)


@pytest.mark.parametrize("size", [None, 1, 5])
def test_32_bits_become_float32(size):
    values = ints(32)
    got = samples(data_of(fmt(bits=32), values.astype("<i4").tobytes()), size)
    assert np.array_equal(got[:, 0], (values / 2.0**31).astype(np.float32))


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("size", [None, 1, 5])
def test_floats_keep_what_exceeds_full_scale(dtype, size):
    values = np.array([0.0, 1.0, -1.0, 1.5, -3.25, 1e-7], dtype)
    layout = fmt(bits=values.itemsize * 8, tag=3)
    got = samples(data_of(layout, values.tobytes()), size)
    assert got.dtype == np.float32
    assert np.array_equal(got[:, 0], values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats_that_are_no_sound_are_made_harmless(dtype):
    values = np.array([np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0.5], dtype)
    layout = fmt(bits=values.itemsize * 8, tag=3)
    got = samples(data_of(layout, values.tobytes()))[:, 0]
    assert got.tolist() == [0.0, 1024.0, -1024.0, 1024.0, 0.5]


@pytest.mark.parametrize(("bits", "tag", "dtype"), [(16, 1, "<i2"), (32, 3, "<f4"), (24, 1, None)])
def test_extensible(bits, tag, dtype):
    values = np.zeros(40, dtype or np.uint8)
    raw = values.tobytes() if dtype else bytes(120)
    got = samples(data_of(extensible(2, 48_000, bits, tag), raw), 3)
    assert got.shape == (20, 2)


def test_extensible_with_a_foreign_guid_is_refused():
    layout = extensible(1, 24_000, 16, 1, tail=b"x" * 14)
    with pytest.raises(UnsupportedFormat, match="0xFFFE"):
        WavDecoder().feed(data_of(layout, b"\0\0"))


def test_a_wide_container_rules_over_its_bits_and_a_wrong_block_size_does_not():
    sound = noise(20)
    twelve = fmt(bits=12, align=2)
    assert np.array_equal(samples(data_of(twelve, sound.tobytes())), sound)
    for wrong in (0, 1, 3):
        stereo = noise(20, 2)
        layout = fmt(channels=2, bits=16, align=wrong)
        assert np.array_equal(samples(data_of(layout, stereo.tobytes())), stereo)


@pytest.mark.parametrize(
    ("tag", "name"),
    [(6, "A-law"), (7, "µ-law"), (0x11, "IMA ADPCM"), (0x55, "MP3"), (0x1234, "0x1234")],
)
def test_strangers_are_named(tag, name):
    with pytest.raises(UnsupportedFormat, match=name):
        WavDecoder().feed(riff(fmt(bits=8, tag=tag)))


@pytest.mark.parametrize(
    ("bits", "tag", "kind"), [(64, 1, "integer"), (16, 3, "float"), (0, 1, "")]
)
def test_sample_sizes_that_nobody_uses_are_refused(bits, tag, kind):
    with pytest.raises(UnsupportedFormat, match=f"{bits}-bit {kind}"):
        WavDecoder().feed(riff(fmt(bits=bits, tag=tag)))


@pytest.mark.parametrize("magic", [b"RIFX", b"RF64"])
def test_cousins_are_named(magic):
    with pytest.raises(UnsupportedFormat, match=magic.decode()):
        WavDecoder().feed(magic + b"\0\0\0\0WAVE")


# --- damage


@pytest.mark.parametrize(
    "data",
    [
        b"not a wav",
        b"RIFF\0\0\0\0AVI ",
        riff(chunk(b"data", b"\0\0")),
        riff(chunk(b"fmt ", b"short")),
        riff(fmt(channels=0)),
        riff(fmt(channels=65)),
        riff(fmt(rate_hz=0)),
        riff(fmt(rate_hz=1_000_000)),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_damage_is_told_by_every_call(data, size):
    decoder = WavDecoder()
    blocks, fault = decode_until_fault(decoder, by(size, data))
    assert blocks == []
    assert isinstance(fault, CorruptStream)
    for again in (lambda: decoder.feed(b"more"), decoder.flush):
        with pytest.raises(CorruptStream) as second:
            again()
        assert second.value is fault


def test_samples_before_a_fault_come_out_first():
    sound = noise(30)
    decoder = WavDecoder()
    (block,) = decoder.feed(wav(sound) + riff(fmt(tag=6)))
    assert np.array_equal(block.samples, sound)
    with pytest.raises(UnsupportedFormat):
        decoder.feed(b"")
    with pytest.raises(UnsupportedFormat):
        decoder.flush()


@pytest.mark.parametrize("end", range(1, 44))
def test_an_end_within_the_header_is_told(end):
    decoder = WavDecoder()
    assert decoder.feed(wav(noise(10))[:end]) == []
    with pytest.raises(TruncatedStream, match="inside its header"):
        decoder.flush()


@pytest.mark.parametrize("missing", [1, 2, 19])
def test_data_short_of_its_size_is_told_after_all_of_it_came_out(missing):
    sound = noise(10)
    blocks, fault = decode_until_fault(WavDecoder(), [wav(sound)[:-missing]])
    assert np.array_equal(joined(blocks), sound[: (20 - missing) // 2])
    assert isinstance(fault, TruncatedStream)
    assert f"{missing} bytes short" in str(fault)


@pytest.mark.parametrize("claim", UNKNOWN)
def test_half_a_frame_is_told_where_the_size_is_unknown(claim):
    blocks, fault = decode_until_fault(WavDecoder(), [wav(noise(10), size=claim)[:-1]])
    assert joined(blocks).shape == (9, 1)
    assert isinstance(fault, TruncatedStream)
    assert "inside a frame" in str(fault)


def test_a_size_that_ends_inside_a_frame_is_told():
    blocks, fault = decode_until_fault(WavDecoder(), [wav(noise(10), size=19)])
    assert joined(blocks).shape == (9, 1)
    assert isinstance(fault, TruncatedStream)


def test_no_data_at_all_is_no_fault():
    assert decode(WavDecoder(), [riff(fmt(), chunk(b"data", b""))]) == []


def test_aligned_samples_are_not_copied():
    decoder = WavDecoder()
    decoder.feed(wav(noise(1), size=0))
    data = bytes(range(200))
    (block,) = decoder.feed(data)
    assert np.shares_memory(block.samples, np.frombuffer(data, np.uint8))


def test_samples_at_an_odd_address_are_copied_into_alignment():
    sound = noise(30)
    data = riff(chunk(b"junk", b"abc")[:-1], fmt(), chunk(b"data", sound.tobytes()))
    (block,) = WavDecoder().feed(data)
    assert block.samples.flags.aligned
    assert np.array_equal(block.samples, sound)
