"""Encodes signals and decodes the result."""

from __future__ import annotations

import numpy as np

from tests.codecs.feeding import decode, in_pieces, joined
from voicecli.codecs import make_decoder
from voicecli.codecs.encoding import make_encoder
from voicecli.codecs.encoding.opus import OpusEncoder

CODECS = ("pcm", "wav", "flac", "opus", "mp3", "aac")
LOSSLESS = ("pcm", "wav", "flac")
LOSSY = ("opus", "mp3", "aac")

MP3_DELAY = 576 + 529


def sound(frames, rate_hz=24_000, channels=1, dtype=np.int16):
    """Make a rising tone of shape (frames, channels): the same at any rate, never repeating."""
    t = np.arange(frames) / rate_hz
    wave = 0.4 * np.sin(2 * np.pi * (200 + 1500 * t) * t)
    both = np.stack([wave * (1 - 0.5 * channel) for channel in range(channels)], axis=1)
    if dtype == np.int16:
        return np.rint(both * 32767).astype(np.int16)
    return both.astype(np.float32)


def encoder_for(codec, rate_hz, channels, **settings):
    """Make an encoder; Opus with a fixed serial, so that its bytes are reproducible."""
    if codec == "opus":
        return OpusEncoder(rate_hz, channels, serial=7, **settings)
    return make_encoder(codec, rate_hz, channels, **settings)


def chunks_of(encoder, pieces):
    """Encode samples piece by piece; return all chunks, flush included."""
    chunks = [chunk for piece in pieces for chunk in encoder.feed(piece)]
    return chunks + encoder.flush()


def split(samples, points):
    """Split samples at the positions, in any order; pieces may be empty."""
    return np.split(samples, sorted(min(point, len(samples)) for point in points))


def file_of(chunks):
    return b"".join(chunk.data for chunk in chunks)


def patched(data, encoder):
    """Apply the header patch, as a writer that can seek does."""
    patch = encoder.header_patch()
    return data if patch is None else patch + data[len(patch) :]


def encoded(codec, samples, rate_hz=24_000, **settings):
    """Encode samples in one call; return the stream and the patched file."""
    encoder = encoder_for(codec, rate_hz, samples.shape[1], **settings)
    data = file_of(chunks_of(encoder, [samples]))
    return data, patched(data, encoder)


def decoded(codec, data, rate_hz=24_000, channels=1, size=1 << 30):
    """Decode with our decoder, fed ``size`` bytes at a time."""
    decoder = make_decoder(codec, rate_hz=rate_hz, channels=channels)
    samples = joined(decode(decoder, in_pieces(min(size, max(1, len(data))), data)))
    return samples if len(samples) else np.zeros((0, channels), np.int16)


def floats(samples):
    return samples / 32768 if samples.dtype == np.int16 else samples.astype(float)


def mp3_block(rate_hz):
    return 1152 if rate_hz >= 32_000 else 576


def length(frames, from_hz, to_hz):
    """Return the frames that a decoder returns."""
    return -(-frames * to_hz // from_hz)


def lag(reference, delayed):
    """Return the delay of ``delayed`` in frames, within ±200; both float, of one channel."""
    stop = min(len(reference), len(delayed), 10_000) - 400
    products = np.correlate(delayed[1_300 : stop + 200], reference[1_500:stop], "valid")
    return int(np.argmax(products)) - 200
