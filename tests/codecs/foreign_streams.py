"""Streams in formats that voicecli does not decode, from libav's encoders and muxers."""

from __future__ import annotations

import functools
import io

import av
import numpy as np

from tests.codecs.signals import tone

FOREIGN = {
    # What the refusal names: container and encoder of libav.
    "layer I or II": ("mp2", "mp2"),
    "AC-3": ("ac3", "ac3"),
    "MPEG-TS": ("mpegts", "mp2"),
    "LATM": ("latm", "aac"),
    "W64": ("w64", "pcm_s16le"),
    "CAF": ("caf", "pcm_s16be"),
    "AIFF": ("aiff", "pcm_s16be"),
    "AU": ("au", "pcm_s16be"),
    "FLV": ("flv", "aac"),
    "Matroska": ("matroska", "pcm_s16le"),
    "MP4": ("mp4", "aac"),
    "QuickTime|MP4": ("mov", "pcm_s16le"),
    "WavPack": ("wv", "wavpack"),
    "TTA": ("tta", "tta"),
    "ASF": ("asf", "wmav2"),
    "VOC": ("voc", "pcm_u8"),
    "FLAC in Ogg": ("ogg", "flac"),
    "AVI": ("avi", "pcm_s16le"),
    "NUT": ("nut", "pcm_s16le"),
}


@functools.cache
def foreign(container: str, encoder: str, frames: int = 48_000) -> bytes:
    """Encode a tone of 48 kHz mono."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=48_000, layout="mono")
        codec_format = stream.codec_context.codec.audio_formats[0].name
        stream.format = codec_format
        stream.bit_rate = 128_000
        block = np.ascontiguousarray(tone(frames).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 0
        resampler = av.AudioResampler(codec_format, "mono", 48_000)
        for some in resampler.resample(frame):
            out.mux(stream.encode(some))
        out.mux(stream.encode(None))
    return file.getvalue()


def free_format_mp3(frame_bytes: int = 501, count: int = 8) -> bytes:
    """Frames of Layer III whose header states no bit rate: all of one size, silent."""
    return (b"\xff\xfb\x00\xc4" + bytes(frame_bytes - 4)) * count
