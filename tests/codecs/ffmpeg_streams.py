"""MP3, AAC and FLAC streams from FFmpeg's encoders and muxers."""

from __future__ import annotations

import functools
import io
from fractions import Fraction

import av
import numpy as np

from tests.codecs.mpeg_frames import id3_bytes

SAMPLE_TYPES = {"s16": np.int16, "s32": np.int32}


def sweep(frames, rate_hz=24000, channels=1, seed=0):
    """Make a rising tone with a little noise, float64 of shape (frames, channels)."""
    t = np.arange(frames) / rate_hz
    noise = np.random.default_rng(seed).standard_normal(frames)
    wave = 0.4 * np.sin(2 * np.pi * (300 + 200 * t) * t) + 0.02 * noise
    return np.stack([wave * (1 - 0.5 * channel) for channel in range(channels)], axis=1)


def integers(samples, sample_type="s16"):
    """Convert full-scale samples to int16, or to 24 bits at the top of int32."""
    if sample_type == "s16":
        return np.rint(samples * 32767).astype(np.int16)
    return np.rint(samples * (2**23 - 1)).astype(np.int32) << 8


class _Pipe(io.RawIOBase):
    """A file that cannot seek, so that a muxer cannot update its header."""

    def __init__(self):
        super().__init__()
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def encode(
    codec,
    container,
    samples,
    rate_hz,
    *,
    sample_type="s16",
    bit_rate=64000,
    quality=None,
    pipe=False,
):
    """Encode integers of shape (frames, channels) with libav's encoder and muxer."""
    target = _Pipe() if pipe else io.BytesIO()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(target, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = bit_rate
        if codec == "flac":
            stream.format = sample_type
        if quality is not None:
            stream.codec_context.qscale = True
            stream.codec_context.global_quality = quality * 118  # FF_QP2LAMBDA
        packed = np.ascontiguousarray(samples).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format=sample_type, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for part in (frame, None):
            for packet in stream.encode(part):  # muxed before the encoder knows its end
                out.mux(packet)
    return target.data if pipe else target.getvalue()


@functools.cache
def mp3(frames, rate_hz=24000, channels=1, *, quality=None, bit_rate=64000):
    """An MP3 file with ID3v2 and info tag."""
    samples = integers(sweep(frames, rate_hz, channels))
    return encode("libmp3lame", "mp3", samples, rate_hz, quality=quality, bit_rate=bit_rate)


@functools.cache
def raw_mp3(frames, rate_hz=24000, channels=1):
    """MP3 frames without any tag, as a server pipes them."""
    samples = integers(sweep(frames, rate_hz, channels))
    data = encode("libmp3lame", "mp3", samples, rate_hz, pipe=True)
    return data[id3_bytes(data) :]


@functools.cache
def adts(frames, rate_hz=24000, channels=1):
    """AAC-LC in ADTS."""
    samples = integers(sweep(frames, rate_hz, channels))
    return encode("aac", "adts", samples, rate_hz, bit_rate=96000)


@functools.cache
def flac(frames, rate_hz=24000, channels=1, *, sample_type="s16", pipe=False):
    """A FLAC stream; through a pipe its STREAMINFO does not know the total."""
    samples = integers(sweep(frames, rate_hz, channels), sample_type)
    return encode("flac", "flac", samples, rate_hz, sample_type=sample_type, pipe=pipe)
