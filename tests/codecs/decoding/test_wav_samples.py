"""Sample formats of WAV."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.containers import chunk, extensible, fmt, riff
from tests.codecs.feeding import decode, in_pieces, joined
from tests.codecs.signals import noise
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import UnsupportedFormat


def samples(data, size=None):
    return joined(decode(WavDecoder(), in_pieces(size, data) if size else [data]))


def ints(bits, count=64):
    """Return the extremes, zero and a ramp, as integers of that many bits."""
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
def test_floats_beyond_full_scale_are_kept(dtype, size):
    values = np.array([0.0, 1.0, -1.0, 1.5, -3.25, 1e-7], dtype)
    layout = fmt(bits=values.itemsize * 8, tag=3)
    got = samples(data_of(layout, values.tobytes()), size)
    assert got.dtype == np.float32
    assert np.array_equal(got[:, 0], values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_implausible_floats_are_clipped_or_silenced(dtype):
    values = np.array([np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0.5], dtype)
    layout = fmt(bits=values.itemsize * 8, tag=3)
    got = samples(data_of(layout, values.tobytes()))[:, 0]
    assert got.tolist() == [0.0, 1024.0, -1024.0, 1024.0, 0.5]


@pytest.mark.parametrize(("bits", "tag", "dtype"), [(16, 1, "<i2"), (32, 3, "<f4"), (24, 1, None)])
def test_the_extensible_format_is_read(bits, tag, dtype):
    values = np.zeros(40, dtype or np.uint8)
    raw = values.tobytes() if dtype else bytes(120)
    got = samples(data_of(extensible(2, 48_000, bits, tag), raw), 3)
    assert got.shape == (20, 2)


def test_the_extensible_format_with_another_guid_is_refused():
    layout = extensible(1, 24_000, 16, 1, tail=b"x" * 14)
    with pytest.raises(UnsupportedFormat, match="0xFFFE"):
        WavDecoder().feed(data_of(layout, b"\0\0"))


def test_the_container_size_prevails_unless_it_is_impossible():
    sound = noise(20)
    twelve = fmt(bits=12, align=2)
    assert np.array_equal(samples(data_of(twelve, sound.tobytes())), sound)
    for wrong in (0, 1, 3):
        stereo = noise(20, 2)
        layout = fmt(channels=2, bits=16, align=wrong)
        assert np.array_equal(samples(data_of(layout, stereo.tobytes())), stereo)


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (2, "Microsoft ADPCM"),
        (0x2000, "AC-3"),
        (0x11, "IMA ADPCM"),
        (0x55, "MP3"),
        (0x1234, "0x1234"),
    ],
)
def test_unsupported_codings_are_named(tag, name):
    with pytest.raises(UnsupportedFormat, match=name):
        WavDecoder().feed(riff(fmt(bits=8, tag=tag)))


@pytest.mark.parametrize(
    ("bits", "tag", "kind"), [(64, 1, "integer"), (16, 3, "float"), (0, 1, "")]
)
def test_unusual_sample_sizes_are_refused(bits, tag, kind):
    with pytest.raises(UnsupportedFormat, match=f"{bits}-bit {kind}"):
        WavDecoder().feed(riff(fmt(bits=bits, tag=tag)))


@pytest.mark.parametrize("magic", [b"RIFX", b"RF64"])
def test_related_formats_are_named(magic):
    with pytest.raises(UnsupportedFormat, match=magic.decode()):
        WavDecoder().feed(magic + b"\0\0\0\0WAVE")
