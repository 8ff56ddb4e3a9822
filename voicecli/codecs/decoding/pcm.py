"""Headerless PCM: the bytes are the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.errors import TruncatedStream

if TYPE_CHECKING:
    from collections.abc import Iterator


class PcmDecoder(PushDecoder):
    """Signed 16-bit little-endian samples, interleaved, without a header.

    The bytes do not state rate or channels: both come from the request or the
    content type. OpenAI's ``pcm`` is 24 kHz mono. Blocks are read-only views of the
    chunks fed; a chunk that begins inside a frame is copied once.

    Args:
        rate_hz: frames per second.
        channels: samples per frame.

    Raises:
        ValueError: ``rate_hz`` or ``channels`` is below 1.
    """

    def __init__(self, rate_hz: int = 24_000, channels: int = 1) -> None:
        if rate_hz < 1 or channels < 1:
            raise ValueError(f"no such PCM: {rate_hz} Hz, {channels} channels")
        super().__init__()
        self._layout = AudioFormat(rate_hz, channels)
        self._partial_frame = b""  # cut by the end of the latest chunk

    def _push(self, data: bytes) -> Iterator[Pcm]:
        data = self._partial_frame + data
        channels, frame_bytes = self._layout.channels, self._layout.bytes_per_frame
        frames = len(data) // frame_bytes
        self._partial_frame = data[frames * frame_bytes :]
        if frames:
            samples = np.frombuffer(data, "<i2", frames * channels).reshape(-1, channels)
            yield Pcm(samples, self._layout.rate_hz)

    def _finish(self) -> Iterator[Pcm]:
        yield from ()
        if self._partial_frame:
            raise TruncatedStream(
                f"the PCM stream ends inside a frame: {len(self._partial_frame)} of "
                f"{self._layout.bytes_per_frame} bytes"
            )
