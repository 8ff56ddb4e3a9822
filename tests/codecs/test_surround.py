"""Surround sound of every format that has it: a voice in the centre is heard at its level."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from tests.codecs.containers import chunk, extensible, fmt, riff
from tests.codecs.feeding import decode
from tests.codecs.signals import tone
from voicecli.audio.convert import SampleConverter
from voicecli.audio.pcm import AudioFormat, to_float32
from voicecli.codecs import AutoDecoder

RATE_HZ = 48_000
PEAK = 16_000 / 32_768
LEFT, RIGHT, CENTRE, SUB, BACK_LEFT = range(5)


def surround(channel: int) -> np.ndarray:
    """5.1 in the order of WAVE files, a tone in one channel."""
    sound = np.zeros((RATE_HZ // 2, 6), np.int16)
    sound[:, channel] = tone(len(sound))[:, 0]
    return sound


def encoded(codec: str, sound: np.ndarray) -> bytes:
    if codec == "wav":
        return riff(fmt(6, RATE_HZ), chunk(b"data", sound.tobytes()))
    if codec == "extensible wav":
        return riff(extensible(6, RATE_HZ, 16, 1), chunk(b"data", sound.tobytes()))
    container, encoder = {
        "flac": ("flac", "flac"), "aac": ("adts", "aac"), "opus": ("ogg", "libopus"),
    }[codec]  # fmt: skip
    options = {"mapping_family": "1"} if codec == "opus" else {}
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=RATE_HZ, layout="5.1", options=options)
        stream.bit_rate = 400_000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), "s16", "5.1")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def level(samples: np.ndarray) -> list[float]:
    middle = to_float32(samples)[len(samples) // 4 : len(samples) * 3 // 4]
    return [float(np.abs(middle[:, channel]).max()) / PEAK for channel in range(samples.shape[1])]


@pytest.mark.parametrize("codec", ["wav", "extensible wav", "flac", "aac", "opus"])
@pytest.mark.parametrize(
    ("channel", "stereo", "mono"),
    [
        (LEFT, [1, 0], [0.707]),
        (CENTRE, [0.707, 0.707], [1]),
        (BACK_LEFT, [0.707, 0], [0.5]),
        (SUB, [0, 0], [0]),
    ],
)
def test_each_speaker_has_its_level(codec, channel, stereo, mono):
    data = encoded(codec, surround(channel))
    for expected in (stereo, mono):
        converter = SampleConverter(AudioFormat(RATE_HZ, len(expected)))
        pieces = [
            piece for block in decode(AutoDecoder(), [data]) for piece in converter.convert(block)
        ]
        got = level(np.concatenate(pieces + converter.flush()))
        assert got == pytest.approx(expected, abs=0.08), codec
