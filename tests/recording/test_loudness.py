from __future__ import annotations

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.recording.loudness import LoudnessMeter

RATE_HZ = 24_000


def silence(seconds):
    return np.zeros(round(seconds * RATE_HZ))


def tone(seconds, amplitude, frequency_hz=400):
    return amplitude * np.sin(
        np.arange(round(seconds * RATE_HZ)) * 2 * np.pi * frequency_hz / RATE_HZ
    )


def int16(*parts, channels=1):
    samples = np.rint(np.concatenate(parts) * 32768).astype(np.int16)
    return np.repeat(samples[:, None], channels, axis=1)


def measure(samples, block_frames=RATE_HZ, rate_hz=RATE_HZ):
    meter = LoudnessMeter(rate_hz, samples.shape[1])
    for start in range(0, len(samples), block_frames):
        meter.feed(samples[start : start + block_frames])
    return meter.result()


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("block_frames", [1, 239, 240, 1000, 24_000])
def test_measures_a_tone_between_silences(channels, block_frames):
    samples = int16(silence(0.25), tone(0.5, 0.5), silence(0.1), channels=channels)
    measured = measure(samples, block_frames)
    assert measured["duration_s"] == pytest.approx(0.85)
    assert measured["peak_dbfs"] == pytest.approx(20 * math.log10(0.5), abs=0.01)
    rms_dbfs = 20 * math.log10(0.5 / math.sqrt(2) * math.sqrt(0.5 / 0.85))
    assert measured["loudness_dbfs"] == pytest.approx(rms_dbfs, abs=0.02)
    assert measured["leading_silence_ms"] == 250
    assert measured["trailing_silence_ms"] == 100


def test_audio_below_the_threshold_is_silence():
    samples = int16(tone(0.2, 0.012), tone(0.1, 0.016), tone(0.3, 0.012))
    measured = measure(samples)  # 0.012 is -41.4 dBFS RMS, 0.016 is -38.9
    assert measured["leading_silence_ms"] == 200
    assert measured["trailing_silence_ms"] == 300


@pytest.mark.parametrize("seconds", [0, 0.3])
def test_digital_silence_has_no_level(seconds):
    assert measure(int16(silence(seconds))) == {
        "duration_s": pytest.approx(seconds),
        "peak_dbfs": None,
        "loudness_dbfs": None,
        "leading_silence_ms": seconds * 1000,
        "trailing_silence_ms": seconds * 1000,
    }


def test_the_negative_full_scale_is_0_dbfs():
    assert measure(np.full((100, 1), -32768, np.int16))["peak_dbfs"] == 0


@given(
    seed=st.integers(0, 1000),
    rate_hz=st.sampled_from([8000, 22_050, 44_100, 48_000]),
    channels=st.integers(1, 2),
    levels=st.lists(st.sampled_from([0, 100, 3000, 20_000]), min_size=1, max_size=4),
    block_frames=st.integers(50, 5000),
)
def test_agrees_with_pydub(seed, rate_hz, channels, levels, block_frames):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that ffmpeg is missing
        from pydub import AudioSegment
        from pydub.silence import detect_leading_silence

    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, 1, (rng.integers(1, 5000), channels)) * level for level in levels]
    samples = np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
    clip = AudioSegment(samples.tobytes(), sample_width=2, frame_rate=rate_hz, channels=channels)
    measured = measure(samples, block_frames, rate_hz)
    for name, level in (("peak_dbfs", clip.max_dBFS), ("loudness_dbfs", clip.dBFS)):
        if max(levels) >= 3000:
            assert measured[name] == pytest.approx(level, abs=0.1)
    silences = (
        ("leading_silence_ms", clip, 1),  # which counts whole windows from the same end
        ("trailing_silence_ms", clip.reverse(), 11),
    )
    for name, segment, tolerance_ms in silences:
        expected = detect_leading_silence(segment, silence_threshold=-40, chunk_size=10)
        assert measured[name] == pytest.approx(expected, abs=tolerance_ms)


def test_memory_does_not_grow():
    meter = LoudnessMeter(RATE_HZ, 1)
    block = int16(tone(1, 0.5))
    meter.feed(block)
    tracemalloc.start()
    try:
        for _ in range(600):
            meter.feed(block)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
