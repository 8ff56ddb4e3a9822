"""Synthetic sound that costs as much to encode and decode as speech."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from voicecli.codecs.encoding import make_encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicecli.audio.pcm import Samples

_PITCH_HZ = 120.0
_SYLLABLES_HZ = 4.0
_FORMANTS = ((500.0, 80.0), (1500.0, 120.0), (2500.0, 200.0))
"""Centre and width in Hz, of an open vowel (Peterson and Barney, JASA 24, 1952, rounded)."""

_PEAK = 0.5


@functools.cache
def speech_like(duration_s: float, rate_hz: int) -> Samples:
    """Synthesise a vowel in syllables over noise; int16 of shape (frames, 1).

    The same samples every time. The harmonics of a wavering voice, weighted by three
    formants and swelling four times a second, keep an encoder as busy as speech does;
    a pure tone would not.
    """
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * (_PITCH_HZ * t + 2 * np.sin(2 * np.pi * 0.7 * t))
    loudness = np.sin(np.pi * _SYLLABLES_HZ * t) ** 2
    voice = np.zeros(len(t))
    for harmonic in range(1, int(min(4000.0, rate_hz / 2) / _PITCH_HZ)):
        voice += _formant_gain(harmonic * _PITCH_HZ) * np.sin(harmonic * phase)
    breath = np.random.default_rng(0).standard_normal(len(t))
    mixed = loudness * voice / max(1e-9, np.abs(voice).max(initial=0.0)) + 0.01 * breath
    samples: NDArray[np.int16] = np.rint(np.clip(mixed * _PEAK, -1, 1) * 32767).astype(np.int16)
    return samples.reshape(-1, 1)


def _formant_gain(frequency_hz: float) -> float:
    return sum(width / math.hypot(frequency_hz - centre, width) for centre, width in _FORMANTS)


@functools.cache
def clip(codec: str, duration_s: float, rate_hz: int) -> bytes:
    """Encode `speech_like` with this package's encoder to one mono stream of ``codec``."""
    encoder = make_encoder(codec, rate_hz, 1)
    chunks = encoder.feed(speech_like(duration_s, rate_hz)) + encoder.flush()
    return b"".join(chunk.data for chunk in chunks)
