from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, Pcm

MONO = AudioFormat(24_000, 1)
STEREO = AudioFormat(24_000, 2)
MONO_FLOAT = AudioFormat(24_000, 1, "float32")


def tone(frames, rate_hz, hz=440.0, channels=1, dtype="int16", level=0.5):
    wave = level * np.sin(2 * np.pi * hz * np.arange(frames) / rate_hz)
    wave = np.repeat(wave[:, None], channels, axis=1)
    return (wave * 32768).astype(np.int16) if dtype == "int16" else wave.astype(np.float32)


def int16(*rows):
    return np.array(rows, np.int16)


def convert(samples, target, rate_hz=24_000, **settings):
    (converted,) = SampleConverter(target, **settings).convert(Pcm(samples, rate_hz))
    assert converted.flags.c_contiguous
    assert converted.dtype == target.sample_type
    return converted


def convert_all(converter, *blocks):
    """Convert blocks and flush."""
    pieces = [piece for block in blocks for piece in converter.convert(block)]
    return np.concatenate([*pieces, *converter.flush()])


def crossings(samples):
    """Upward zero crossings of the first channel."""
    wave = samples[:, 0].astype(np.float64)
    return int(np.sum((wave[:-1] < 0) & (wave[1:] >= 0)))


@pytest.mark.parametrize("target", [MONO, STEREO, MONO_FLOAT])
def test_a_block_of_the_right_format_is_returned_itself(target):
    received = np.zeros((480, target.channels), target.sample_type)
    received.flags.writeable = False  # as a view of bytes is
    converter = SampleConverter(target)
    (out,) = converter.convert(Pcm(received, 24_000))
    assert out is received
    assert converter.flush() == []


def test_mono_is_copied_to_every_channel():
    assert convert(int16([1], [-2]), AudioFormat(24_000, 3)).tolist() == [[1] * 3, [-2] * 3]


def test_stereo_is_averaged_and_never_clips():
    both = int16([100, 200], [32767, 32767], [-32768, -32768], [32767, -32767])
    assert convert(both, MONO).tolist() == [[150], [32767], [-32768], [0]]


def test_a_voice_in_the_centre_of_surround_is_heard_in_stereo():
    centre_only = int16([0, 0, 10_000, 0, 0, 0])
    assert convert(centre_only, STEREO).tolist() == [[7071, 7071]]
    assert convert(centre_only, MONO).tolist() == [[10_000]]


def test_loud_surround_is_clipped_and_does_not_wrap():
    loud = int16([30_000] * 6, [-30_000] * 6)
    assert convert(loud, STEREO).tolist() == [[32767, 32767], [-32768, -32768]]


def test_surround_on_a_device_of_more_channels_is_heard_in_front():
    assert convert(int16([1000] * 2 + [0] * 6), AudioFormat(24_000, 4)).tolist() == [
        [1000, 1000, 0, 0]
    ]


def test_extra_channels_of_the_device_stay_silent():
    assert convert(int16([1, 2]), AudioFormat(24_000, 4)).tolist() == [[1, 2, 0, 0]]


def test_float_becomes_int16_rounded_and_clipped():
    wave = np.array([[0.5], [-1.0], [1.0], [7.0], [-7.0]], np.float32)
    assert convert(wave, MONO).ravel().tolist() == [16384, -32768, 32767, 32767, -32768]


def test_int16_becomes_float_exactly():
    assert convert(int16([16384], [-32768]), MONO_FLOAT).ravel().tolist() == [0.5, -1.0]


@pytest.mark.parametrize(("volume", "out"), [(0.5, 500), (0.0, 0), (2.0, 2000), (0.9996, 1000)])
def test_volume_scales(volume, out):
    assert convert(int16([1000]), MONO, volume=volume).tolist() == [[out]]


def test_volume_above_one_clips_and_does_not_wrap():
    loud = int16([30_000], [-30_000])
    assert convert(loud, MONO, volume=1.5).ravel().tolist() == [32767, -32768]
    assert convert(loud, MONO_FLOAT, volume=1.5).ravel().tolist() == [1.0, -1.0]


@settings(max_examples=40)
@given(
    st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000]),
    st.sampled_from([8_000, 24_000, 44_100, 48_000]),
    st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    st.sampled_from(["int16", "float32"]),
    st.sampled_from([1, 2]),
)
def test_resampling_keeps_the_length(from_hz, to_hz, cuts, kind, channels):
    source = tone(sum(cuts), from_hz, channels=channels, dtype=kind)
    edges = np.cumsum([0, *cuts])
    blocks = [Pcm(source[a:b], from_hz) for a, b in pairwise(edges)]
    out = convert_all(SampleConverter(AudioFormat(to_hz, channels, kind)), *blocks)
    assert out.dtype == kind
    assert out.shape[1] == channels
    assert out.shape[0] == -(-sum(cuts) * to_hz // from_hz)


@pytest.mark.parametrize("target", [AudioFormat(48_000, 2), AudioFormat(44_100, 1, "float32")])
@pytest.mark.parametrize("from_hz", [22_050, 24_000])
def test_resampling_keeps_pitch_level_and_phase(from_hz, target):
    source = tone(from_hz, from_hz, hz=440.25)
    blocks = [Pcm(source[i : i + 700], from_hz) for i in range(0, from_hz, 700)]
    out = convert_all(SampleConverter(target), *blocks)
    assert crossings(out) == crossings(source) == 440
    expected = tone(target.rate_hz, target.rate_hz, 440.25, target.channels, target.sample_type)
    full_scale = 32768 if target.sample_type == "int16" else 1
    inner = slice(1000, -1000)  # the filter has half its length of silence at either end
    error = np.abs(out[inner].astype(float) - expected[: len(out)][inner]).max() / full_scale
    assert error < 0.002


def test_block_boundaries_do_not_change_the_samples():
    source = tone(9000, 24_000)
    target = AudioFormat(44_100, 1)
    once = convert_all(SampleConverter(target), Pcm(source, 24_000))
    pieces = [Pcm(source[i : i + 333], 24_000) for i in range(0, 9000, 333)]
    assert np.array_equal(convert_all(SampleConverter(target), *pieces), once)


def test_a_change_of_rate_loses_nothing():
    converter = SampleConverter(AudioFormat(24_000, 1))
    stretches = [(16_000, 8000), (24_000, 12_000), (48_000, 24_000), (48_000, 24_000)]
    blocks = [Pcm(tone(frames, hz), hz) for hz, frames in stretches]
    out = convert_all(converter, *blocks)
    assert out.shape[0] == 4 * 12_000
    assert crossings(out) == pytest.approx(4 * 220, abs=4)


def test_held_audio_comes_out_before_the_next_stretch():
    converter = SampleConverter(MONO)
    converter.convert(Pcm(tone(1000, 48_000, level=0.5), 48_000))
    marker = int16(*[[30_000]] * 10)
    *leftovers, last = converter.convert(Pcm(marker, 24_000))
    assert last is marker
    assert sum(map(len, leftovers)) > 0
    assert converter.flush() == []


def test_flush_returns_the_rest_once_and_the_converter_can_be_used_again():
    converter = SampleConverter(MONO)
    first = convert_all(converter, Pcm(tone(4800, 48_000), 48_000))
    assert converter.flush() == []
    assert np.array_equal(convert_all(converter, Pcm(tone(4800, 48_000), 48_000)), first)


@pytest.mark.parametrize("channels", [3, 6])
def test_channels_are_resampled_independently(channels):
    source = np.zeros((4800, channels), np.int16)
    source[:, -1] = tone(4800, 24_000)[:, 0]
    out = convert_all(SampleConverter(AudioFormat(48_000, channels)), Pcm(source, 24_000))
    assert not out[:, :-1].any()
    assert crossings(out[:, -1:]) == crossings(source[:, -1:])


def test_channels_type_volume_and_rate_are_converted_together():
    wave = tone(4800, 48_000, channels=2, dtype="float32", level=0.5)
    out = convert_all(SampleConverter(MONO, volume=0.5), Pcm(wave, 48_000))
    assert out.dtype == np.int16
    assert out.shape[0] == pytest.approx(2400, abs=1)
    assert np.abs(out).max() == pytest.approx(0.25 * 32768, rel=0.01)
