"""Signals that reveal every flaw, in all six formats.

In a steady tone every gap is silent. The cosine starts and ends near full amplitude, so its
ends are exact to a frame. No two parts of the noise are alike, so that an exact comparison
finds any loss or repetition.
"""

from __future__ import annotations

import io
import struct
import wave
from typing import TYPE_CHECKING, Literal

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Format = Literal["pcm", "wav", "opus", "mp3", "aac", "flac"]
FORMATS: tuple[Format, ...] = ("pcm", "wav", "opus", "mp3", "aac", "flac")

FREQUENCY_HZ = 1000.0
"""A millisecond is a whole number of cycles, and of frames at every rate in use."""

UNKNOWN_SIZE = 0xFFFFFFFF
"""What servers that stream WAV put in its size fields."""

CONTENT_TYPES: dict[str, str] = {
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "flac": "audio/flac",
}

CODEC_FRAME_SIZE = {"pcm": 1, "wav": 1, "flac": 1, "opus": 960, "mp3": 1152, "aac": 1024}
"""Samples in a codec frame at 48 kHz; 1 for lossless formats."""

LOSSLESS = ("pcm", "wav", "flac")

_CODECS = {
    "opus": ("libopus", "ogg", {"b": "64000", "frame_duration": "20"}),
    "mp3": ("libmp3lame", "mp3", {"b": "128000"}),
    "aac": ("aac", "adts", {"b": "128000"}),
    "flac": ("flac", "flac", {}),
}


def tone(
    duration_s: float,
    *,
    rate_hz: int = 48_000,
    amplitude: float = 0.5,
    frequency_hz: float = FREQUENCY_HZ,
) -> NDArray[np.int16]:
    """Return a cosine of shape (frames,), loud in its first and its last frame."""
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave_ = amplitude * 32767 * np.cos(2 * np.pi * frequency_hz * t)
    return np.rint(wave_).astype(np.int16)


def noise(
    duration_s: float, *, rate_hz: int = 48_000, amplitude: float = 0.5, seed: int = 1
) -> NDArray[np.int16]:
    """Return white noise of shape (frames,), the same for the same seed; both ends are loud."""
    peak = round(amplitude * 32767)
    frames = round(duration_s * rate_hz)
    samples = np.random.default_rng(seed).integers(-peak, peak, frames, dtype=np.int16)
    samples[[0, -1]] = peak
    return samples


def with_gaps(samples: NDArray[np.int16], *gaps: tuple[int, int]) -> NDArray[np.int16]:
    """Return a copy with silence at each (start frame, frames)."""
    result = samples.copy()
    for start, frames in gaps:
        result[start : start + frames] = 0
    return result


def encode(
    samples: NDArray[np.int16],
    kind: Format,
    *,
    rate_hz: int = 48_000,
    page_ms: int = 20,
    sized: bool = False,
) -> bytes:
    """Encode a mono clip as a speech server would stream it.

    ``page_ms`` is the length of an Ogg page. With ``sized`` the WAV header has the true
    sizes, otherwise `UNKNOWN_SIZE`, as from streaming servers.
    """
    if kind == "pcm":
        return samples.astype("<i2").tobytes()
    if kind == "wav":
        return _wav(samples, rate_hz, sized=sized)
    codec, container_name, options = _CODECS[kind]
    muxer = {"page_duration": str(page_ms * 1000)} if kind == "opus" else {}
    if kind == "mp3":
        muxer = {"id3v2_version": "0"}
    target = io.BytesIO()
    with av.open(target, "w", format=container_name, options=muxer) as container:
        stream = container.add_stream(codec, rate=rate_hz, options=options, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            format=stream.codec_context.format or "s16",
            layout="mono",
            rate=rate_hz,
            frame_size=stream.codec_context.frame_size or 960,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return target.getvalue()


def read_wav(data: bytes) -> tuple[NDArray[np.int16], int]:
    """Read a 16-bit WAV; return samples of shape (frames, channels), and the rate.

    Raises:
        wave.Error: it is malformed, or its sizes disagree with its length.
    """
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 != len(data):
        raise wave.Error(f"RIFF says {size + 8} bytes, the file has {len(data)}")
    with wave.open(io.BytesIO(data)) as reader:
        if reader.getsampwidth() != 2:
            raise wave.Error(f"{reader.getsampwidth()} bytes per sample, not 2")
        frames = reader.readframes(reader.getnframes())
        samples = np.frombuffer(frames, "<i2").reshape(-1, reader.getnchannels())
        if len(samples) != reader.getnframes():
            raise wave.Error(f"{reader.getnframes()} frames announced, {len(samples)} present")
        return samples, reader.getframerate()


def _wav(samples: NDArray[np.int16], rate_hz: int, *, sized: bool) -> bytes:
    body = samples.astype("<i2").tobytes()
    riff_size, data_size = (36 + len(body), len(body)) if sized else (UNKNOWN_SIZE, UNKNOWN_SIZE)
    fmt_chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
        + fmt_chunk
        + struct.pack("<4sI", b"data", data_size)
        + body
    )
