from __future__ import annotations

import numpy as np
import pytest

from voicecli.bench.components.sound import clip, speech_like
from voicecli.codecs import CODECS
from voicecli.streams import decode_stream


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_it_swells_like_syllables_and_is_the_same_every_time(rate_hz):
    samples = speech_like(1.0, rate_hz)
    assert samples.shape == (rate_hz, 1)
    assert samples.dtype == np.int16
    speech_like.cache_clear()
    assert np.array_equal(samples, speech_like(1.0, rate_hz))
    levels = np.abs(samples.astype(int)).reshape(8, -1).max(axis=1)
    assert levels.min() > 1_000
    assert levels.max() < 20_000


def test_it_is_not_a_tone():
    spectrum = np.abs(np.fft.rfft(speech_like(1.0, 24_000)[:, 0]))
    loud = np.count_nonzero(spectrum > spectrum.max() / 30)
    assert loud > 100


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "pcm"])
def test_clips_are_streams_of_their_codec(codec):
    frames = list(decode_stream([clip(codec, 0.5, 24_000)], sample_rate=24_000))
    assert sum(frame.duration for frame in frames) == pytest.approx(0.5, abs=0.06)
