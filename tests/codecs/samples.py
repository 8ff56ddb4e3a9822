"""Streams of every codec and the expected results, for the contract tests."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from tests.codecs.containers import wav
from tests.codecs.signals import noise, tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@functools.cache
def opus_packets(count: int, channels: int = 1, frame_ms: int = 20) -> tuple[bytes, ...]:
    """Packets of a tone from libopus, ``frame_ms`` each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.format = "s16"
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.bit_rate = 32_000 * channels
    encoder.options = {"frame_duration": str(frame_ms)}
    per_packet = 48 * frame_ms
    sound = tone(count * per_packet, channels)
    packets: list[bytes] = []
    encoder.open()
    for at in range(0, len(sound), per_packet):
        block = np.ascontiguousarray(sound[at : at + per_packet].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", encoder.layout.name)
        frame.sample_rate = 48_000
        frame.pts = at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return tuple(packets[:count])


@functools.cache
def encoded(codec: str, frames: int, channels: int = 1, rate_hz: int = 48_000) -> bytes:
    """A tone of ``frames`` frames as opus, mp3, aac or flac."""
    encoder, container, options = {
        "opus": ("libopus", "ogg", {"page_duration": "100000"}),
        "mp3": ("libmp3lame", "mp3", {}),
        "aac": ("aac", "adts", {}),
        "flac": ("flac", "flac", {}),
    }[codec]
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(encoder, rate=rate_hz, layout=layout)
        block = np.ascontiguousarray(tone(frames, channels, rate_hz).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", layout)
        frame.sample_rate = rate_hz
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@dataclass(frozen=True)
class Sample:
    """A whole stream of one codec and the expected result.

    ``exact`` holds the samples if the codec is lossless.
    """

    codec: str
    data: bytes
    frames: int
    channels: int
    rate_hz: int
    exact: NDArray | None = None


def samples_of(codec: str) -> list[Sample]:
    """Streams of one codec for the contract suite: mono, stereo, two concatenated."""
    return _SAMPLES[codec]()


def _pcm() -> list[Sample]:
    mono = noise(600)
    return [Sample("pcm", mono.tobytes(), 600, 1, 24_000, mono)]


def _wav() -> list[Sample]:
    mono, stereo = noise(500), noise(300, 2, seed=2)
    known, unknown = wav(mono), wav(mono, size=0xFFFFFFFF)
    return [
        Sample("wav", known, 500, 1, 24_000, mono),
        Sample("wav", wav(stereo, 44_100), 300, 2, 44_100, stereo),
        Sample("wav", unknown + known, 1000, 1, 24_000, np.concatenate([mono, mono])),
    ]


def _compressed(codec: str, frames: int) -> list[Sample]:
    one = encoded(codec, frames)
    stereo = encoded(codec, frames, 2)
    lossless = codec == "flac"

    def of(data: bytes, channels: int, times: int) -> Sample:
        sound = np.concatenate([tone(frames, channels)] * times) if lossless else None
        return Sample(codec, data, frames * times, channels, 48_000, sound)

    return [of(one, 1, 1), of(stereo, 2, 1), of(one + one, 1, 2)]


_SAMPLES: dict[str, Callable[[], list[Sample]]] = {
    "pcm": _pcm,
    "wav": _wav,
    "opus": lambda: _compressed("opus", 6_000),
    "mp3": lambda: _compressed("mp3", 6_000),
    # ADTS does not state padding, so these are whole blocks (FFmpeg primes with exactly one).
    "aac": lambda: _compressed("aac", 6 * 1024),
    "flac": lambda: _compressed("flac", 20_000),
}
