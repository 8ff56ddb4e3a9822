"""Streams of every codec and the expected results, for the contract tests."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import av
import numpy as np

from tests.codecs.containers import chunk, fmt, opus_head, opus_pages, riff, wav
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
    kind: str = ""


def samples_of(codec: str) -> list[Sample]:
    """Streams of one codec for the contract suite: mono first, two concatenated last."""
    samples = _SAMPLES[codec]()
    kinds = ("mono", "stereo", *(sample.kind for sample in samples[2:-1]), "joined")
    return [replace(sample, kind=kind) for sample, kind in zip(samples, kinds, strict=False)]


def _pcm() -> list[Sample]:
    mono = noise(600)
    return [Sample("pcm", mono.tobytes(), 600, 1, 24_000, mono)]


def _wav() -> list[Sample]:
    mono, stereo = noise(500), noise(300, 2, seed=2)
    known, unknown = wav(mono), wav(mono, size=0xFFFFFFFF)
    return [
        Sample("wav", known, 500, 1, 24_000, mono),
        Sample("wav", wav(stereo, 44_100), 300, 2, 44_100, stereo),
        _low_24_bits(mono),
        _uncounted(noise(3_000)),
        Sample("wav", unknown + known, 1000, 1, 24_000, np.concatenate([mono, mono])),
    ]


def _low_24_bits(sound: NDArray) -> Sample:
    """24 bits in the lower bytes of four, as ALSA writes them."""
    values = (sound.astype("<i4") << 8) + 1
    data = riff(fmt(1, 24_000, 24, align=4), chunk(b"data", values.tobytes()))
    return Sample("wav", data, len(sound), 1, 24_000, sound, "low 24 bits")


def _uncounted(sound: NDArray) -> Sample:
    """A header that counts the first hundred samples only."""
    data = wav(sound[:100]) + sound[100:].tobytes()
    return Sample("wav", data, len(sound), 1, 24_000, sound, "uncounted")


def _compressed(codec: str, frames: int) -> list[Sample]:
    one = encoded(codec, frames)
    stereo = encoded(codec, frames, 2)
    lossless = codec == "flac"

    def of(data: bytes, channels: int, times: int) -> Sample:
        sound = np.concatenate([tone(frames, channels)] * times) if lossless else None
        return Sample(codec, data, frames * times, channels, 48_000, sound)

    return [of(one, 1, 1), of(stereo, 2, 1), of(one + one, 1, 2)]


def _opus() -> list[Sample]:
    """The usual ones, and one of three channels that are three streams."""
    packets = opus_packets(10, frame_ms=20)
    # All but the last packet state their own length (RFC 6716 appendix B).
    three = [_delimited(packet) * 2 + packet for packet in packets]
    head = opus_head(3, family=255, mapping=bytes([3, 0, 0, 1, 2]))
    data = b"".join(opus_pages(three, head=head))
    mono, stereo, joined = _compressed("opus", 6_000)
    return [mono, stereo, Sample("opus", data, 9_600 - 312, 3, 48_000, kind="3 streams"), joined]


def _delimited(packet: bytes) -> bytes:
    assert packet[0] & 3 == 0, "one frame in the packet"
    size = len(packet) - 1
    length = bytes([size]) if size < 252 else bytes([252 + size % 4, (size - 252 - size % 4) // 4])
    return packet[:1] + length + packet[1:]


def _flac() -> list[Sample]:
    """The usual ones, and one that begins with its first frame."""
    mono, stereo, joined = _compressed("flac", 20_000)
    at, is_last = 4, False
    while not is_last:
        is_last = bool(mono.data[at] & 0x80)
        at += 4 + int.from_bytes(mono.data[at + 1 : at + 4], "big")
    headless = replace(mono, data=mono.data[at:], kind="headless")
    return [mono, stereo, headless, joined]


_SAMPLES: dict[str, Callable[[], list[Sample]]] = {
    "pcm": _pcm,
    "wav": _wav,
    "opus": _opus,
    "mp3": lambda: _compressed("mp3", 6_000),
    # ADTS does not state padding, so these are whole blocks (FFmpeg primes with exactly one).
    "aac": lambda: _compressed("aac", 6 * 1024),
    "flac": _flac,
}
