from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.codecs.encoding.roundtrip import chunks_of, decoded, encoded, encoder_for, sound
from voicecli.codecs.decoding.flacheader import StreamInfo
from voicecli.codecs.encoding import flac
from voicecli.codecs.encoding.flac import FlacEncoder
from voicecli.errors import ConfigError

INFO = slice(8, 42)


@pytest.mark.parametrize("frames", [0, 1, 1_152, 5_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_leaves_unknown_fields_open(channels, frames):
    samples = sound(frames, channels=channels)
    stream, file = encoded("flac", samples)
    assert stream[:8] == file[:8] == b"fLaC\x80\0\0\x22"
    opened, complete = StreamInfo.parse(stream[INFO]), StreamInfo.parse(file[INFO])
    for info in (opened, complete):
        assert (info.rate_hz, info.channels, info.bits) == (24_000, channels, 16)
    assert opened.total_frames is None
    assert opened.raw[4:10] == bytes(6)
    assert opened.raw[18:] == bytes(16)
    assert complete.total_frames == (frames or None)
    assert complete.raw[18:] == hashlib.md5(samples.astype("<i2").tobytes()).digest()


def test_a_file_states_its_smallest_and_largest_frame():
    samples = sound(10_000)
    encoder = encoder_for("flac", 24_000, 1)
    first, *rest = chunks_of(encoder, [samples])
    sizes = [len(first.data) - 42, *(len(chunk.data) for chunk in rest)]
    patch = encoder.header_patch()
    assert int.from_bytes(patch[12:15], "big") == min(sizes)
    assert int.from_bytes(patch[15:18], "big") == max(sizes)


@pytest.mark.parametrize(
    ("rate_hz", "block"),
    [(8_000, 256), (16_000, 576), (24_000, 1_152), (44_100, 2_048), (48_000, 2_304), (1_000, 192)],
)
def test_blocks_are_the_longest_of_up_to_50_ms(rate_hz, block):
    encoder = encoder_for("flac", rate_hz, 1)
    chunks = chunks_of(encoder, [sound(3 * block, rate_hz)])
    assert [chunk.frames for chunk in chunks] == [block] * 3


@pytest.mark.parametrize("rate_hz", [1_000, 11_127, 65_535, 65_540, 96_000, 192_000, 655_350])
def test_any_rate_that_the_frame_header_can_state_is_accepted(rate_hz):
    samples = sound(1_000, rate_hz)
    assert np.array_equal(decoded("flac", encoded("flac", samples, rate_hz)[1], rate_hz), samples)


@pytest.mark.parametrize("rate_hz", [-1, 0, 999, 65_536, 96_001, 655_351, 700_000])
def test_other_rates_are_refused(rate_hz):
    with pytest.raises(ConfigError, match=str(rate_hz)):
        FlacEncoder(rate_hz, 1)


def test_a_length_beyond_its_field_is_left_open(monkeypatch):
    monkeypatch.setattr(flac, "_MAX_TOTAL_FRAMES", 999)
    _, file = encoded("flac", sound(1_000))
    assert StreamInfo.parse(file[INFO]).total_frames is None
    assert len(decoded("flac", file)) == 1_000
