"""Damaged and truncated WAV."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.codecs.containers import chunk, fmt, riff, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.signals import noise
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

SIZES = [1, 7, 4096]
UNKNOWN = [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0x80000000]


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
def test_every_call_reports_damage(data):
    for size in SIZES:
        decoder = WavDecoder()
        blocks, fault = decode_until_fault(decoder, in_pieces(size, data))
        assert blocks == []
        assert isinstance(fault, CorruptStream)
        for again in (partial(decoder.feed, b""), decoder.flush):
            with pytest.raises(CorruptStream) as second:
                again()
            assert second.value is fault


def test_samples_before_a_fault_are_returned_first():
    sound = noise(30)
    decoder = WavDecoder()
    (block,) = decoder.feed(wav(sound) + riff(fmt(tag=2)))
    assert np.array_equal(block.samples, sound)
    with pytest.raises(UnsupportedFormat):
        decoder.feed(b"")
    with pytest.raises(UnsupportedFormat):
        decoder.flush()


def test_an_end_inside_the_header_is_reported():
    for end in range(1, 44):
        decoder = WavDecoder()
        assert decoder.feed(wav(noise(10))[:end]) == []
        with pytest.raises(TruncatedStream, match="inside its header"):
            decoder.flush()


@pytest.mark.parametrize("missing", [1, 2, 19])
def test_data_short_of_its_size_is_reported_after_all_audio(missing):
    sound = noise(10)
    blocks, fault = decode_until_fault(WavDecoder(), [wav(sound)[:-missing]])
    assert np.array_equal(joined(blocks), sound[: (20 - missing) // 2])
    assert isinstance(fault, TruncatedStream)
    assert f"{missing} bytes short" in str(fault)


@pytest.mark.parametrize("claim", UNKNOWN)
def test_a_partial_frame_is_reported_if_the_size_is_unknown(claim):
    blocks, fault = decode_until_fault(WavDecoder(), [wav(noise(10), size=claim)[:-1]])
    assert joined(blocks).shape == (9, 1)
    assert isinstance(fault, TruncatedStream)
    assert "inside a frame" in str(fault)


def test_a_size_that_ends_inside_a_frame_is_reported():
    blocks, fault = decode_until_fault(WavDecoder(), [wav(noise(10), size=19)])
    assert joined(blocks).shape == (9, 1)
    assert isinstance(fault, TruncatedStream)


def test_empty_data_is_not_a_fault():
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
