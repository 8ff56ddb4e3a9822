from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.pcm import (
    INT16_FULL_SCALE,
    AudioFormat,
    Pcm,
    clip_floats,
    join_blocks,
    to_float32,
    to_int16,
)


@pytest.mark.parametrize(
    ("format", "frame_bytes"),
    [
        (AudioFormat(24_000, 1), 2),
        (AudioFormat(24_000, 2), 4),
        (AudioFormat(48_000, 1, "float32"), 4),
        (AudioFormat(48_000, 6, "float32"), 24),
    ],
)
def test_bytes_per_frame(format, frame_bytes):
    assert format.bytes_per_frame == frame_bytes


def test_frames_and_seconds():
    format = AudioFormat(22_050, 2)
    assert format.frames(2.0) == 44_100
    assert format.frames(0.00002) == 0
    assert format.frames(0.00003) == 1
    assert format.duration_s(11_025) == 0.5


@given(st.sampled_from([8000, 11_025, 22_050, 24_000, 44_100, 48_000]), st.integers(0, 10**9))
def test_frames_survive_conversion_to_seconds_and_back(rate_hz, frames):
    format = AudioFormat(rate_hz, 1)
    assert format.frames(format.duration_s(frames)) == frames


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.int16, "int16"), (np.dtype("<i2"), "int16"), (np.float32, "float32")]
)
def test_a_block_knows_its_format_and_length(dtype, name):
    block = Pcm(np.zeros((480, 2), dtype), 48_000)
    assert block.format == AudioFormat(48_000, 2, name)
    assert (block.frames, block.duration_s) == (480, 0.01)


def test_samples_of_the_right_type_are_returned_as_they_are():
    whole, real = np.zeros((3, 1), np.int16), np.zeros((3, 1), np.float32)
    assert to_int16(whole) is whole
    assert to_float32(real) is real


@pytest.mark.parametrize(
    ("real", "whole"),
    [
        (0.0, 0), (0.5, 16384), (-0.5, -16384), (-1.0, -32768), (1.0, 32767),
        (7.0, 32767), (-7.0, -32768), (1 / 32768, 1), (0.4 / 32768, 0), (0.6 / 32768, 1),
        (np.inf, 32767), (-np.inf, -32768),
    ],
)  # fmt: skip
def test_float_to_int16_scales_rounds_and_clips(real, whole):
    converted = to_int16(np.array([[real]], np.float32))
    assert converted.dtype == np.int16
    assert converted.tolist() == [[whole]]


def test_int16_to_float_and_back_is_exact():
    every = np.arange(-INT16_FULL_SCALE, INT16_FULL_SCALE, dtype=np.int16).reshape(-1, 2)
    real = to_float32(every)
    assert real.dtype == np.float32
    assert (real.min(), real.max()) == (-1.0, 32767 / 32768)
    assert np.array_equal(to_int16(real), every)


def test_importing_the_sample_types_does_not_import_numpy():
    code = "import sys, voicecli.audio.pcm; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("limit", [1.0, 1024.0])
def test_floats_are_clipped_and_nan_is_silenced(limit):
    samples = np.array([[math.nan], [math.inf], [-math.inf], [limit * 2], [0.5]], np.float32)
    clipped = clip_floats(samples, limit)
    assert clipped.dtype == np.float32
    assert clipped.ravel().tolist() == [0.0, limit, -limit, limit, 0.5]


def test_floats_within_the_limit_are_returned_as_they_are():
    for samples in (np.zeros((0, 1), np.float32), np.array([[1.0], [-1.0]], np.float32)):
        assert clip_floats(samples) is samples


# --- blocks in a row


def block(frames, channels=1, rate_hz=24_000, dtype=np.int16):
    return Pcm(np.arange(frames * channels).reshape(-1, channels).astype(dtype), rate_hz)


def test_adjacent_blocks_of_one_format_are_joined():
    blocks = [block(480), block(480), block(240)]
    (one,) = join_blocks(blocks)
    assert np.array_equal(one.samples, np.concatenate([b.samples for b in blocks]))
    assert one.rate_hz == 24_000


def test_a_block_alone_is_not_copied():
    alone = block(480)
    (same,) = join_blocks([alone])
    assert same is alone
    assert list(join_blocks([])) == []


@pytest.mark.parametrize(
    "other", [block(10, rate_hz=48_000), block(10, channels=2), block(10, dtype=np.float32)]
)
def test_a_block_of_another_format_is_kept_apart(other):
    parts = list(join_blocks([block(10), block(10), other, block(10)]))
    assert [part.frames for part in parts] == [20, 10, 10]
    assert parts[1] is other
