"""Headerless PCM: the bytes are the samples.

The one format where time to first audio is the network's alone, so nothing is
copied that need not be: a chunk that holds whole frames becomes a view of the
very bytes that the socket returned.
"""

from __future__ import annotations

import numpy as np

from voicecli.audio import AudioFormat, Pcm
from voicecli.errors import TruncatedStream

_INT16_LE = np.dtype("<i2")


class PcmDecoder:
    """Signed 16-bit little-endian samples, interleaved, without a header.

    Nothing in the bytes tells rate or channels: both come from the request or
    the content type. OpenAI's ``pcm`` is 24 kHz mono.

    Args:
        rate_hz: frames a second.
        channels: samples a frame.

    Raises:
        ValueError: ``rate_hz`` or ``channels`` is below 1.
    """

    def __init__(self, rate_hz: int = 24_000, channels: int = 1) -> None:
        if rate_hz < 1 or channels < 1:
            raise ValueError(f"no such PCM: {rate_hz} Hz, {channels} channels")
        self._declared = AudioFormat(rate_hz, channels)
        self._format: AudioFormat | None = None
        self._carry = b""  # the frame that a chunk boundary cut, always shorter than one frame

    @property
    def format(self) -> AudioFormat | None:
        """Rate and channels as given, once a whole frame has come; None before."""
        return self._format

    def feed(self, data: bytes) -> list[Pcm]:
        """Take bytes cut anywhere, return at most one int16 block of the whole frames in them.

        The block is a read-only view of ``data`` itself where ``data`` begins
        on a frame; a frame cut by the boundary costs one copy of the chunk.
        """
        if self._carry:
            data = self._carry + data
        frames = len(data) // self._declared.bytes_per_frame
        whole = frames * self._declared.bytes_per_frame
        self._carry = data[whole:]
        if not frames:
            return []
        self._format = self._declared
        channels = self._declared.channels
        samples = np.frombuffer(data, _INT16_LE, frames * channels).reshape(frames, channels)
        return [Pcm(samples, self._declared.rate_hz)]

    def flush(self) -> list[Pcm]:
        """Return nothing: every whole frame is out already.

        Raises:
            TruncatedStream: the stream ended inside a frame.
        """
        if self._carry:
            raise TruncatedStream(
                f"the PCM stream ended inside a frame: {len(self._carry)} of "
                f"{self._declared.bytes_per_frame} bytes"
            )
        return []
