"""SBR and parametric stereo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codecs import he_aac_streams
from tests.codecs.feeding import decode_until_fault, in_pieces, joined
from tests.codecs.ffmpeg_streams import adts
from tests.codecs.mpeg_frames import adts_frames
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.aac import AacDecoder

BLOCK = 1024


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


@pytest.mark.parametrize(
    ("data", "rate_hz", "level"),
    [
        (
            he_aac_streams.MONO,
            48_000,
            1.0,
        ),  # two channels: parametric stereo may begin with any frame
        (he_aac_streams.STEREO, 44_100, 0.25),
        (he_aac_streams.PARAMETRIC, 48_000, 0.25),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_he_aac_doubles_the_rate(data, rate_hz, level, size):
    blocks, fault = decode_until_fault(AacDecoder(), in_pieces(size, data))
    assert fault is None
    assert {block.format for block in blocks} == {AudioFormat(rate_hz, 2, "float32")}
    got = joined(blocks)
    assert len(got) == (len(adts_frames(data)) - 1) * 2 * BLOCK
    middle = got[5_000:14_000]  # after the encoder's own priming
    assert np.sqrt(2 * np.mean(middle[:, 0] ** 2)) == pytest.approx(0.4, rel=0.05)
    assert np.std(middle[:, 1]) / np.std(middle[:, 0]) == pytest.approx(level, rel=0.2)
    spectrum = np.abs(np.fft.rfft(middle[:, 0] * np.hanning(len(middle))))
    assert np.argmax(spectrum) * rate_hz / len(middle) == pytest.approx(440, abs=6)


@pytest.mark.parametrize("lost", [0, 4])
def test_a_damaged_he_aac_frame_becomes_silence_of_its_length(lost):
    frames = adts_frames(he_aac_streams.MONO)
    frames[lost] = frames[lost][:7] + b"\xff" * (len(frames[lost]) - 7)
    got = decoded(*frames)
    assert len(got) == (len(frames) - 1) * 2 * BLOCK


def test_he_aac_may_follow_plain_aac_unannounced():
    plain = adts(5 * BLOCK)
    blocks, fault = decode_until_fault(AacDecoder(), [plain, he_aac_streams.MONO])
    assert fault is None
    frames = {
        rate_hz: sum(b.frames for b in blocks if b.rate_hz == rate_hz)
        for rate_hz in (24_000, 48_000)
    }
    assert frames[24_000] == 5 * BLOCK
    assert (
        frames[48_000] == len(adts_frames(he_aac_streams.MONO)) * 2 * BLOCK
    )  # its priming is played


def test_a_frame_that_decodes_to_nan_does_not_damage_later_frames():
    got, alone = decoded(he_aac_streams.POISONED, he_aac_streams.MONO), decoded(he_aac_streams.MONO)
    assert len(got) == 2 * BLOCK + 2 * BLOCK + len(alone)  # silence, priming, sound
    assert not got[: 2 * BLOCK].any()
    assert np.array_equal(got[4 * BLOCK :], alone)
