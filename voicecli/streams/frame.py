"""A stretch of PCM in the shape that voice agents pass around.

The names are LiveKit's, so that frames from here fit where theirs did: a frame is
an `AudioFrame` here, and what the rest of this package calls frames are "samples
per channel". Streams here accept LiveKit's frames. LiveKit's ``rtc.AudioSource``
accepts only its own, made by ``rtc.AudioFrame(frame.data, frame.sample_rate,
frame.num_channels, frame.samples_per_channel)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from voicecli.audio.pcm import clip_floats, to_int16
from voicecli.audio.wavheader import wav_header

if TYPE_CHECKING:
    from collections import deque

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from voicecli.audio.pcm import Samples

_SAMPLE_BYTES = 2

_MAX_CHANNELS = 64
"""A wider array has its channels first, as neural networks lay them out."""


class FrameLike(Protocol):
    """What streams accept as a frame: one of ours, or LiveKit's ``rtc.AudioFrame``."""

    @property
    def data(self) -> memoryview:
        """int16 samples, channels interleaved; may hold more than the length covers."""

    @property
    def sample_rate(self) -> int:
        """Samples per channel per second, in Hz."""

    @property
    def num_channels(self) -> int:
        """Channels."""

    @property
    def samples_per_channel(self) -> int:
        """Length in samples per channel."""


class AudioFrame:
    """Interleaved int16 PCM with its rate, channels and length.

    A frame is a view: it copies nothing and keeps the memory it was made from alive.
    Neither the frame nor that memory may change.

    Args:
        data: int16 samples in native byte order, channels interleaved, as any
            contiguous object with the buffer protocol: bytes, bytearray, array,
            memoryview.
        sample_rate: samples per channel per second, in Hz.
        num_channels: channels.
        samples_per_channel: the length; None takes all of ``data``. A shorter
            length takes the beginning.
        userdata: notes for the receiver of the frame; streams do not forward them.

    Attributes:
        data: the samples as a memoryview of format ``h``.
        userdata: a dictionary, empty unless it was given.

    Raises:
        ValueError: a rate or channel count below 1, a partial sample, or less
            data than the length needs.
    """

    __slots__ = ("data", "num_channels", "sample_rate", "samples_per_channel", "userdata")

    def __init__(
        self,
        data: Buffer,
        sample_rate: int,
        num_channels: int,
        samples_per_channel: int | None = None,
        *,
        userdata: dict[str, Any] | None = None,
    ) -> None:
        if sample_rate < 1 or num_channels < 1:
            raise ValueError(f"impossible audio: {sample_rate} Hz, {num_channels} channels")
        view = memoryview(data)
        if view.ndim != 1 or view.format != "h":
            if view.nbytes % _SAMPLE_BYTES:
                raise ValueError(f"{view.nbytes} bytes are not a whole number of samples")
            view = view.cast("B").cast("h") if view.nbytes else memoryview(b"").cast("h")
        if samples_per_channel is None:
            samples_per_channel, odd = divmod(len(view), num_channels)
            if odd:
                raise ValueError(f"{len(view)} samples are not a whole number of frames")
        size = samples_per_channel * num_channels
        if not 0 <= size <= len(view):
            raise ValueError(f"{samples_per_channel} samples per channel need {size} samples")
        self.data = view[:size]
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self.samples_per_channel = samples_per_channel
        self.userdata = {} if userdata is None else userdata

    @classmethod
    def create(cls, sample_rate: int, num_channels: int, samples_per_channel: int) -> AudioFrame:
        """Make a frame of silence, writable until it is passed on; raises as the constructor."""
        size = max(0, samples_per_channel * num_channels * _SAMPLE_BYTES)
        return cls(bytearray(size), sample_rate, num_channels, samples_per_channel)

    @classmethod
    def from_numpy(cls, samples: NDArray[Any], sample_rate: int) -> AudioFrame:
        """Make a frame of samples of shape (frames, channels), or (frames,) for mono.

        C-contiguous int16 becomes a view. Floats (full scale ±1.0) are scaled by
        32768, rounded and clipped; NaN becomes silence.

        Raises:
            ValueError: another shape, more than 64 channels, another type, or a
                rate below 1.
        """
        if samples.ndim not in (1, 2) or max(samples.shape[1:], default=1) > _MAX_CHANNELS:
            raise ValueError(f"samples of shape {samples.shape} are not (frames, channels)")
        if samples.dtype.kind != "f" and samples.dtype != np.int16:
            raise ValueError(f"samples are int16 or float, not {samples.dtype}")
        if samples.dtype.kind == "f":
            samples = clip_floats(samples)
        packed = np.ascontiguousarray(to_int16(samples))
        channels = samples.shape[1] if samples.ndim == 2 else 1  # noqa: PLR2004  frames, channels
        return cls(packed.data, sample_rate, channels, samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples_per_channel / self.sample_rate

    def to_wav_bytes(self) -> bytes:
        """Return the frame as a WAV file of 16-bit PCM."""
        data = self.to_numpy().astype("<i2", copy=False).tobytes()
        return wav_header(self.sample_rate, self.num_channels, len(data)) + data

    def to_numpy(self) -> NDArray[np.int16]:
        """Return the samples, int16 of shape (samples_per_channel, num_channels); a view."""
        return np.frombuffer(self.data, np.int16).reshape(-1, self.num_channels)

    def __repr__(self) -> str:
        return (
            f"AudioFrame(sample_rate={self.sample_rate}, num_channels={self.num_channels}, "
            f"samples_per_channel={self.samples_per_channel})"
        )


def frames_of(samples: Samples, rate_hz: int) -> list[AudioFrame]:
    """Cut int16 samples of shape (frames, channels) into frames of a second; views."""
    channels = samples.shape[1]
    flat, step = samples.reshape(-1).data, rate_hz * channels
    return [AudioFrame(flat[at : at + step], rate_hz, channels) for at in range(0, len(flat), step)]


def as_frame(frame: FrameLike) -> AudioFrame:
    """Return the frame itself, or another library's as a view.

    Raises:
        ValueError: it has less data than its length needs, or other impossible numbers.
    """
    if isinstance(frame, AudioFrame):
        return frame
    shape = frame.sample_rate, frame.num_channels, frame.samples_per_channel
    return AudioFrame(frame.data, *shape)


def take(queue: deque[Samples], count: int) -> list[Samples]:
    """Remove up to ``count`` frames from the front of a queue of sample arrays; no copy."""
    taken: list[Samples] = []
    while count > 0 and queue:
        samples = queue.popleft()
        if len(samples) > count:
            queue.appendleft(samples[count:])
            samples = samples[:count]
        taken.append(samples)
        count -= len(samples)
    return taken
