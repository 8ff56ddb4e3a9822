"""Segments of different formats and rates make one sound: no click, no frame too many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.session.fakes import ScriptedSource
from tests.session.outputs import FakeOutput
from tests.support.tones import CONTENT_TYPES, encode
from voicecli.session import Session
from voicecli.session.utterance import Utterance
from voicecli.sources.base import SourceInfo
from voicecli.text.segment import Segment, Sentence, Span

FREQUENCY_HZ = 300.0
SPEECH_S = 0.3
FIRST_RATE_HZ = 24_000
FLOOR = 60
"""Amplitude of the noise behind the voice, about −59 dBFS RMS."""


def hum(rate_hz, *, lead_s=0.0, tail_s=0.0, floor=0):
    """Return a tone that swells and fades, so that each step in it is a click."""
    frames = round(SPEECH_S * rate_hz)
    t = np.arange(frames) / rate_hz
    swell = np.minimum(1.0, 20 * np.minimum(t, t[::-1]))  # 50 ms each
    voice = 16_000 * swell * np.sin(2 * np.pi * FREQUENCY_HZ * t)
    around = [np.zeros(round(lead_s * rate_hz)), voice, np.zeros(round(tail_s * rate_hz))]
    samples = np.concatenate(around)
    if floor:
        samples += np.random.default_rng(7).uniform(-floor, floor, len(samples))
    return np.rint(samples).astype(np.int16)


def utterance(number, kind, samples, rate_hz):
    sentence = Sentence(number, f"Sentence {number}.", Span(0, 11))
    info = SourceInfo(kind, CONTENT_TYPES[kind], rate_hz if kind == "pcm" else None, 1)
    data = encode(samples, kind, rate_hz=rate_hz)
    chunks = [data[at : at + 997] for at in range(0, len(data), 997)]
    return Utterance(ScriptedSource(chunks, info=info), Segment(number, (sentence,)))


def heard(*utterances):
    output = FakeOutput()
    assert Session(output).run(utterances).error is None
    assert output.sink.format.rate_hz == FIRST_RATE_HZ
    return np.concatenate(output.sink.blocks)[:, 0].astype(np.float64)


def steepest(samples):
    """Return the greatest step from one frame to the next."""
    return np.abs(np.diff(samples)).max()


PURE = steepest(hum(FIRST_RATE_HZ).astype(np.float64))
MIXES = {
    "lossless": [("pcm", 24_000), ("wav", 48_000), ("flac", 22_050), ("pcm", 44_100)],
    "lossy": [("pcm", 24_000), ("opus", 48_000), ("mp3", 24_000), ("opus", 24_000)],
    "all": [("flac", 24_000), ("mp3", 44_100), ("pcm", 16_000), ("wav", 24_000)],
}


@pytest.mark.parametrize("mix", MIXES)
def test_segments_of_several_formats_join_without_a_click(mix):
    samples = heard(
        *(
            utterance(number, kind, hum(rate_hz), rate_hz)
            for number, (kind, rate_hz) in enumerate(MIXES[mix])
        )
    )
    assert steepest(samples) < 1.05 * PURE
    frames = len(MIXES[mix]) * round(SPEECH_S * FIRST_RATE_HZ)
    assert abs(len(samples) - frames) <= len(MIXES[mix])  # a frame for each that is resampled


@pytest.mark.parametrize("mix", MIXES)
def test_silence_that_is_cut_between_formats_does_not_click(mix):
    samples = heard(
        *(
            utterance(number, kind, hum(rate_hz, lead_s=0.4, tail_s=0.4, floor=FLOOR), rate_hz)
            for number, (kind, rate_hz) in enumerate(MIXES[mix])
        )
    )
    assert steepest(samples) < 1.05 * PURE + 2 * FLOOR
    count = len(MIXES[mix])
    intended_s = count * SPEECH_S + (count - 1) * 0.35 + 2 * 0.4
    # The swells are silence to the seam too, and windows of 10 ms are silence as a whole.
    assert len(samples) / FIRST_RATE_HZ == pytest.approx(intended_s, abs=count * 0.03)
