"""A stretch of PCM in the shape that voice agents pass around.

The names are LiveKit's on purpose, so that frames from here fit where theirs
did; the rest of this package says ``rate_hz`` and counts frames where these
names count "samples per channel". Streams here take LiveKit's frames as they are.
LiveKit's ``rtc.AudioSource`` alone takes none but its own, which are made by
``rtc.AudioFrame(frame.data, frame.sample_rate, frame.num_channels,
frame.samples_per_channel)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from voicecli.audio.pcm import Pcm, clip_floats, to_int16
from voicecli.audio.riff import wav_header

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

_SAMPLE_BYTES = 2

_MAX_CHANNELS = 64
"""An array that is wider has its channels first, as neural networks put them."""


class FrameLike(Protocol):
    """What is taken where a frame is wanted: one of ours, or LiveKit's ``rtc.AudioFrame``."""

    @property
    def data(self) -> memoryview:
        """int16 samples, channels interleaved; there may be more than the length says."""

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
    """Interleaved int16 PCM that knows its rate, channels and length.

    A frame is a view: it keeps the memory it was made from alive and copies
    nothing. It does not change, provided that nobody writes to that memory.

    Args:
        data: int16 samples in native byte order, channels interleaved, as any
            contiguous object with the buffer protocol: bytes, bytearray, array,
            memoryview.
        sample_rate: samples per channel per second, in Hz.
        num_channels: channels.
        samples_per_channel: the length; None takes all of ``data``. A shorter
            length takes the beginning.
        userdata: notes for whoever gets the frame; None for none yet.

    Raises:
        ValueError: a rate or channels below 1, half a sample, or less data than
            the length needs.
    """

    __slots__ = ("_data", "_num_channels", "_sample_rate", "_samples_per_channel", "_userdata")

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
            raise ValueError(f"no such audio: {sample_rate} Hz, {num_channels} channels")
        view = memoryview(data)
        octets = view.cast("B") if view.nbytes else memoryview(b"")  # no casting nothing in 2-D
        frame_bytes = num_channels * _SAMPLE_BYTES
        if samples_per_channel is None:
            samples_per_channel, odd_bytes = divmod(len(octets), frame_bytes)
            if odd_bytes:
                raise ValueError(f"{len(octets)} bytes are no whole number of frames")
        size = samples_per_channel * frame_bytes
        if not 0 <= size <= len(octets):
            raise ValueError(f"{samples_per_channel} samples per channel need {size} bytes")
        self._data = octets[:size].cast("h")
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._samples_per_channel = samples_per_channel
        if userdata is not None:
            self._userdata = userdata

    @classmethod
    def create(cls, sample_rate: int, num_channels: int, samples_per_channel: int) -> AudioFrame:
        """Silence, in memory that may be written to until the frame is handed on.

        Raises:
            ValueError: as the constructor.
        """
        size = max(0, samples_per_channel * num_channels * _SAMPLE_BYTES)
        return cls(bytearray(size), sample_rate, num_channels, samples_per_channel)

    @classmethod
    def from_numpy(cls, samples: NDArray[Any], sample_rate: int) -> AudioFrame:
        """Samples of shape (frames, channels), or (frames,) for mono, as a frame.

        int16 is taken as it is, a view where it is C-contiguous; floats, full
        scale ±1.0, are scaled by 32768, rounded and clipped, and what is no number
        is silence.

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
    def data(self) -> memoryview:
        """The samples, int16 (format ``h``), channels interleaved."""
        return self._data

    @property
    def sample_rate(self) -> int:
        """Samples per channel per second, in Hz."""
        return self._sample_rate

    @property
    def num_channels(self) -> int:
        """Channels."""
        return self._num_channels

    @property
    def samples_per_channel(self) -> int:
        """Length in samples per channel."""
        return self._samples_per_channel

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self._samples_per_channel / self._sample_rate

    @property
    def userdata(self) -> dict[str, Any]:
        """Notes for whoever gets the frame; nothing here reads them, or hands them on."""
        try:
            return self._userdata
        except AttributeError:  # most frames never have any
            self._userdata = {}
            return self._userdata

    def to_wav_bytes(self) -> bytes:
        """The frame as a WAV file of 16-bit PCM."""
        data = self.to_numpy().astype("<i2", copy=False).tobytes()
        return wav_header(self._sample_rate, self._num_channels, len(data)) + data

    def to_numpy(self) -> NDArray[np.int16]:
        """The samples as int16 of shape (samples_per_channel, num_channels); a view."""
        return np.frombuffer(self._data, np.int16).reshape(-1, self._num_channels)

    def __repr__(self) -> str:
        return (
            f"AudioFrame(sample_rate={self._sample_rate}, num_channels={self._num_channels}, "
            f"samples_per_channel={self._samples_per_channel})"
        )


def frames_of(samples: memoryview, rate_hz: int, channels: int) -> list[AudioFrame]:
    """Interleaved int16 (format ``h``) as frames of a second, the last one shorter; views.

    Such samples leave nothing to check, which is most of what the constructor does.
    """
    frames = []
    step = rate_hz * channels
    for at in range(0, len(samples), step):
        frame = AudioFrame.__new__(AudioFrame)
        data = samples[at : at + step]
        frame._data = data  # noqa: SLF001  its own maker
        frame._sample_rate = rate_hz  # noqa: SLF001
        frame._num_channels = channels  # noqa: SLF001
        frame._samples_per_channel = len(data) // channels  # noqa: SLF001
        frames.append(frame)
    return frames


def as_frame(frame: FrameLike) -> AudioFrame:
    """The frame itself, or a view of another library's as one of ours.

    Raises:
        ValueError: it says less data, or other numbers, than a frame can have.
    """
    if isinstance(frame, AudioFrame):
        return frame
    shape = frame.sample_rate, frame.num_channels, frame.samples_per_channel
    return AudioFrame(frame.data, *shape)


def pcm_of(frame: AudioFrame) -> Pcm:
    """The frame as the rest of the package has it; a view."""
    return Pcm(frame.to_numpy(), frame.sample_rate)
