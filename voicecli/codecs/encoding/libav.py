"""libav's encoders: one block in, the packets that it completes out.

No muxer of libav's is involved: one that cannot seek leaves out headers, and one that
can needs a file. Framing is ours, in the module of each codec.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.audio.pcm import Samples


class LibavPacketEncoder:
    """One libav encoder of mono or stereo; one thread at a time.

    ``name`` is libav's name of the encoder, ``sample_format`` its packed or planar
    sample format, whose number type the blocks have; ``options`` are its AVOptions.
    Threads are off: for so little work they only add delay.
    """

    def __init__(
        self,
        name: str,
        sample_format: str,
        rate_hz: int,
        channels: int,
        *,
        bitrate_bps: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        context: Any = av.CodecContext.create(name, "w")
        context.sample_rate = rate_hz
        context.layout = self._layout
        context.format = sample_format
        context.time_base = self._time_base = Fraction(1, rate_hz)
        context.thread_count = 1
        if bitrate_bps is not None:
            context.bit_rate = bitrate_bps
        context.options = dict(options or {})
        context.open()
        self._context = context
        self._format = sample_format
        self._rate_hz = rate_hz
        self._position = 0

    @property
    def block_frames(self) -> int:
        """Frames that every block but the last must have."""
        return int(self._context.frame_size)

    @property
    def extradata(self) -> bytes:
        """The codec's out-of-band header, such as FLAC's STREAMINFO."""
        return bytes(self._context.extradata or b"")

    def encode(self, block: Samples) -> Iterator[bytes]:
        """Yield the packets that this block of shape (frames, channels) completes."""
        is_planar = self._context.format.is_planar
        planes = np.ascontiguousarray(block.T if is_planar else block.reshape(1, -1))
        frame: Any = av.AudioFrame.from_ndarray(planes, format=self._format, layout=self._layout)
        frame.sample_rate = self._rate_hz
        frame.pts, frame.time_base = self._position, self._time_base
        self._position += block.shape[0]
        return self._packets(frame)

    def finish(self) -> Iterator[bytes]:
        """Yield the packets that were held back."""
        return self._packets(None)

    def _packets(self, frame: Any) -> Iterator[bytes]:
        # FLAC ends with an empty packet that brings a new header.
        return (bytes(packet) for packet in self._context.encode(frame) if packet.size)
