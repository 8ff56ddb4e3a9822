"""FFmpeg decodes the clips to what the end-to-end tests expect."""

from __future__ import annotations

import io
import struct
import wave

import av
import numpy as np
import pytest

from tests.support.tones import (
    CODEC_FRAME_SIZE,
    FORMATS,
    LOSSLESS,
    encode,
    noise,
    read_wav,
    tone,
    with_gaps,
)


def decode(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "pcm"])
def test_clips_decode_to_their_signal(kind) -> None:
    sent = tone(0.5)
    heard = decode(encode(sent, kind))
    if kind in LOSSLESS:
        assert np.array_equal(heard, sent)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 3000)
    assert loud[-1] - loud[0] + 1 == pytest.approx(len(sent), abs=2 * CODEC_FRAME_SIZE[kind])
    assert np.max(np.diff(loud)) < 48


def test_pcm_is_the_samples() -> None:
    assert encode(np.array([1, -2], np.int16), "pcm") == b"\x01\x00\xfe\xff"


def test_both_ends_of_a_signal_are_loud() -> None:
    for sent in (tone(0.1), noise(0.1)):
        assert abs(int(sent[0])) > 10_000
        assert abs(int(sent[-1])) > 10_000


def test_gaps_are_written_into_a_copy() -> None:
    sent = noise(0.01)
    result = with_gaps(sent, (100, 5))
    assert not result[100:105].any()
    assert sent[100:105].any()


def test_ogg_pages_have_the_given_length() -> None:
    sent = tone(1.0)
    assert encode(sent, "opus", page_ms=20).count(b"OggS") > 40
    assert encode(sent, "opus", page_ms=500).count(b"OggS") < 6


def test_wav_sizes_are_unknown_or_true() -> None:
    sent = noise(0.01)
    assert struct.unpack_from("<I", encode(sent, "wav"), 4) == (0xFFFFFFFF,)
    samples, rate_hz = read_wav(encode(sent, "wav", sized=True))
    assert rate_hz == 48_000
    assert np.array_equal(samples[:, 0], sent)


@pytest.mark.parametrize("spoil", [lambda d: d[:-2], lambda d: d + b"\0\0"], ids=["short", "long"])
def test_a_wav_with_wrong_sizes_is_rejected(spoil) -> None:
    with pytest.raises(wave.Error, match="RIFF says"):
        read_wav(spoil(encode(noise(0.01), "wav", sized=True)))
