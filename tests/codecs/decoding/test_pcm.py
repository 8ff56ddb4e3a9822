"""Headerless samples: split anywhere, copied only if a frame was split."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.feeding import decode, in_pieces, joined
from tests.codecs.signals import noise
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.pcm import PcmDecoder
from voicecli.errors import TruncatedStream


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_any_chunk_size_gives_the_same_samples(channels, size):
    sound = noise(333, channels)
    blocks = decode(PcmDecoder(16_000, channels), in_pieces(size, sound.tobytes()))
    assert np.array_equal(joined(blocks), sound)
    assert {block.rate_hz for block in blocks} == {16_000}


def test_a_chunk_of_whole_frames_is_not_copied():
    data = noise(100).tobytes()
    (block,) = PcmDecoder().feed(data)
    assert np.shares_memory(block.samples, np.frombuffer(data, np.uint8))
    assert not block.samples.flags.writeable


def test_a_block_after_a_cut_frame_is_aligned():
    decoder = PcmDecoder()
    data = noise(100).tobytes()
    assert decoder.feed(data[:1]) == []
    (block,) = decoder.feed(data[1:])
    assert block.samples.flags.aligned
    assert block.samples.flags.c_contiguous


def test_the_format_is_known_with_the_first_frame():
    decoder = PcmDecoder(22_050, 2)
    decoder.feed(b"\0\0\0")
    assert decoder.format is None
    decoder.feed(b"\0")
    assert decoder.format == AudioFormat(22_050, 2, "int16")


def test_the_defaults_are_those_of_openai():
    decoder = PcmDecoder()
    decoder.feed(b"\1\0")
    assert decoder.format == AudioFormat(24_000, 1)


def test_a_partial_frame_at_the_end_is_reported():
    decoder = PcmDecoder(24_000, 2)
    decoder.feed(b"\0" * 7)
    with pytest.raises(TruncatedStream, match="3 of 4 bytes"):
        decoder.flush()


@pytest.mark.parametrize("impossible", [(0, 1), (24_000, 0), (-1, 1)])
def test_impossible_formats_are_refused(impossible):
    with pytest.raises(ValueError, match="no such PCM"):
        PcmDecoder(*impossible)
