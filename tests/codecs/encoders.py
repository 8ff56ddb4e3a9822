"""Encoded streams for the decoders of mp3, aac and flac: from FFmpeg's encoders, and by hand."""

from __future__ import annotations

import functools
import io
from fractions import Fraction

import av
import numpy as np

SAMPLE_TYPES = {"s16": np.int16, "s32": np.int32}


def sweep(frames, rate_hz=24000, channels=1, seed=0):
    """A rising tone with a little noise, float64 of shape (frames, channels): it aligns one way."""
    t = np.arange(frames) / rate_hz
    noise = np.random.default_rng(seed).standard_normal(frames)
    wave = 0.4 * np.sin(2 * np.pi * (300 + 200 * t) * t) + 0.02 * noise
    return np.stack([wave * (1 - 0.5 * channel) for channel in range(channels)], axis=1)


def integers(samples, sample_type="s16"):
    """Full-scale samples as int16, or as 24-bit values on the left of int32."""
    if sample_type == "s16":
        return np.rint(samples * 32767).astype(np.int16)
    return np.rint(samples * (2**23 - 1)).astype(np.int32) << 8


class _Pipe(io.RawIOBase):
    """Where a muxer cannot go back and fill in what it learned at the end."""

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
    """``samples`` (integers of shape (frames, channels)) through libav's encoder and muxer."""
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


# --- tags


def id3v2(payload=b"\0" * 40, *, flags=0):
    """An ID3v2.4 tag around ``payload``."""
    length = len(payload)
    sizes = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + sizes if flags & 0x10 else b""
    return b"ID3\4\0" + bytes([flags]) + sizes + payload + footer


def id3_bytes(data):
    """Length of the ID3v2 tag in front of ``data``."""
    if data[:3] != b"ID3":
        return 0
    return 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])


ID3V1 = b"TAG" + b"\0" * 125


def ape(items=b"\xff\xfb" * 30, *, header=True):
    """An APEv2 tag, or the APEv1 kind without header, whose items look like frames."""
    length = (len(items) + 32).to_bytes(4, "little")

    def block(flags):
        return b"APETAGEX" + b"\xd0\7\0\0" + length + b"\1\0\0\0" + flags + bytes(8)

    return (block(b"\0\0\0\xa0") if header else b"") + items + block(b"\0\0\0\x80")


# --- frames by hand


def mp3_frames(data):
    """The MP3 frames of a file, its tags left out."""
    from voicecli.codecs.decoding.mpeg import mp3_header

    at, frames = id3_bytes(data), []
    while at < len(data):
        size = mp3_header(data, at).frame_bytes
        frames.append(data[at : at + size])
        at += size
    return frames


def adts_frames(data):
    """The ADTS frames of a stream."""
    from voicecli.codecs.decoding.mpeg import adts_header

    at, frames = 0, []
    while at < len(data):
        size = adts_header(data, at).frame_bytes
        frames.append(data[at : at + size])
        at += size
    return frames


def silent_mp3_frame(head=b"\xff\xfb\x90\xc4"):
    """A Layer III frame of zeros behind ``head``: no bits for any granule, hence silence."""
    from voicecli.codecs.decoding.mpeg import mp3_header

    return head + bytes(mp3_header(head).frame_bytes - 4)


def with_info_tag(frame, at, *, mp3_frames=None, lame=None, magic=b"Xing", toc=True):
    """``frame`` with an info tag at ``at``; ``lame`` is (writer, delay, padding)."""
    flags = (mp3_frames is not None) | (4 if toc else 0)
    tag = magic + flags.to_bytes(4, "big")
    if mp3_frames is not None:
        tag += mp3_frames.to_bytes(4, "big")
    tag += bytes(100 if toc else 0)
    if lame is not None:
        writer, delay, padding = lame
        tag += writer.ljust(21, b"\0") + (delay << 12 | padding).to_bytes(3, "big")
    return frame[:at] + tag + frame[at + len(tag) :]
