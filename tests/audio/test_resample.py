from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.encoding.roundtrip import sound, split
from voicecli.audio.resample import Resampler


def resampled(resampler, pieces):
    got = [out for piece in pieces if len(piece) for out in resampler.process(piece)]
    return np.concatenate([np.zeros((0, 1), np.float32), *got, *resampler.flush()])


@settings(max_examples=40)
@given(
    rates=st.sampled_from([(96_000, 48_000), (44_100, 48_000), (8_001, 12_000), (1_000, 48_000)]),
    frames=st.integers(0, 3_000),
    points=st.lists(st.integers(0, 3_000), max_size=6),
)
def test_the_length_is_exact_and_block_boundaries_do_not_matter(rates, frames, points):
    from_hz, to_hz = rates
    samples = sound(frames, from_hz, dtype=np.float32)
    whole = resampled(Resampler(from_hz, to_hz, 1), [samples])
    assert len(whole) == -(-frames * to_hz // from_hz)
    assert np.array_equal(resampled(Resampler(from_hz, to_hz, 1), split(samples, points)), whole)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(96_000, 48_000), (44_100, 48_000), (22_050, 24_000)]
)
def test_resampled_audio_keeps_its_position_and_level(from_hz, to_hz):
    got = resampled(Resampler(from_hz, to_hz, 1), [sound(from_hz // 2, from_hz, dtype=np.float32)])
    expected = sound(to_hz // 2, to_hz, dtype=np.float32)
    assert np.abs(got - expected)[200:-200].max() < 1e-3


@pytest.mark.parametrize(("channels", "kind"), [(1, "int16"), (2, "float32"), (6, "int16")])
def test_the_output_equals_that_of_pyav(channels, kind):
    dtype, av_type = (np.int16, "s16") if kind == "int16" else (np.float32, "flt")
    samples = (np.random.default_rng(1).standard_normal((999, channels)) * 9000).astype(dtype)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), av_type, f"{channels}c")
    frame.sample_rate = 22_050
    theirs = av.AudioResampler(av_type, f"{channels}c", 16_000)
    expected = [
        out.to_ndarray().reshape(-1, channels)
        for out in (*theirs.resample(frame), *theirs.resample(None))
    ]
    resampler = Resampler(22_050, 16_000, channels, kind)
    got = np.concatenate([*resampler.process(samples), *resampler.flush()])
    assert got.dtype == dtype
    assert np.array_equal(got[: sum(map(len, expected))], np.concatenate(expected))


def thread_count():
    return len(list(Path("/proc/self/task").iterdir()))


def test_a_resampler_starts_no_threads():
    before = thread_count()
    kept = [Resampler(24_000, 48_000, 1) for _ in range(8)]
    for resampler in kept:
        resampler.process(sound(100, 24_000, dtype=np.float32))
    assert thread_count() <= before


def test_equal_rates_pass_through_uncopied():
    samples = sound(100, dtype=np.float32)
    resampler = Resampler(24_000, 24_000, 1)
    (out,) = resampler.process(samples)
    assert out is samples
    assert resampler.flush() == []
