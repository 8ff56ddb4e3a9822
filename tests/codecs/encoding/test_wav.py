from __future__ import annotations

import struct

import pytest

from tests.codecs.containers import wav
from tests.codecs.encoding.roundtrip import encoded, sound
from voicecli.codecs.encoding import wav as module
from voicecli.codecs.encoding.pcm import PcmEncoder
from voicecli.codecs.encoding.wav import WavEncoder
from voicecli.errors import ConfigError


@pytest.mark.parametrize("frames", [0, 1, 1_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [1_000, 24_000, 768_000])
def test_a_stream_differs_from_a_file_only_in_its_sizes(rate_hz, channels, frames):
    samples = sound(frames, rate_hz, channels)
    stream, file = encoded("wav", samples, rate_hz)
    assert file == wav(samples, rate_hz)
    assert struct.unpack("<I", stream[4:8]) == struct.unpack("<I", stream[40:44]) == (0xFFFFFFFF,)
    assert stream[8:40] + stream[44:] == file[8:40] + file[44:]


def test_a_file_beyond_32_bits_keeps_placeholder_sizes(monkeypatch):
    encoder = WavEncoder(24_000, 1)
    encoder.feed(sound(1_000))
    encoder.flush()
    assert encoder.header_patch() is not None
    monkeypatch.setattr(module, "MAX_DATA_BYTES", 1_999)
    assert encoder.header_patch() is None


@pytest.mark.parametrize("rate_hz", [-1, 0, 999, 768_001])
def test_an_invalid_rate_is_refused(rate_hz):
    with pytest.raises(ConfigError, match=str(rate_hz)):
        WavEncoder(rate_hz, 1)


def test_pcm_accepts_any_positive_rate():
    assert PcmEncoder(1, 1).rate_hz == 1
    with pytest.raises(ConfigError, match="0 Hz"):
        PcmEncoder(0, 1)
