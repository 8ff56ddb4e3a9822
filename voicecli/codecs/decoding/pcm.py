"""Headerless PCM: the bytes are the samples.

The one format where time to first audio is the network's alone, so nothing is
copied that need not be: a chunk that holds whole frames becomes a view of the
very bytes that the socket returned.
"""

from __future__ import annotations

import numpy as np

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.errors import TruncatedStream


class PcmDecoder(PushDecoder):
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
        super().__init__()
        self._declared = AudioFormat(rate_hz, channels)
        self._carry = b""  # the frame that a chunk boundary cut, always shorter than one frame

    def _push(self, data: bytes, blocks: list[Pcm]) -> None:
        """One int16 block at most: a read-only view of ``data`` where that begins on a frame.

        A frame cut by the boundary costs one copy of the chunk.
        """
        if self._carry:
            data = self._carry + data
        channels, frame_bytes = self._declared.channels, self._declared.bytes_per_frame
        frames = len(data) // frame_bytes
        self._carry = data[frames * frame_bytes :]
        if frames:
            samples = np.frombuffer(data, "<i2", frames * channels).reshape(-1, channels)
            blocks.append(Pcm(samples, self._declared.rate_hz))

    def _finish(self, blocks: list[Pcm]) -> None:  # noqa: ARG002  nothing is left but half a frame
        if self._carry:
            raise TruncatedStream(
                f"the PCM stream ended inside a frame: {len(self._carry)} of "
                f"{self._declared.bytes_per_frame} bytes"
            )
