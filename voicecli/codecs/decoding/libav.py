"""Decode whole packets with libav, for mp3, aac and flac.

Framing is ours (`voicecli.codecs.decoding.mpegsync`, `voicecli.codecs.decoding.flac`),
because only then is it known which bytes made which samples: libav's parsers hold
back up to ten frames and swallow tags silently. libav gets one whole packet at a time
and returns what that packet holds, at once.

libav's log is left as the process has it: PyAV drops libav's messages unless the
application asked for them with ``av.logging.set_level``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from voicecli.audio.downmix import SPEAKERS
from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.base import MAX_MAGNITUDE
from voicecli.codecs.formats import RATES_HZ
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.audio.pcm import Samples

MAX_LOST_RUN = 16
"""Undecodable packets in a row that are concealed with silence (about 0.3 s of MP3)."""

MAX_CHANNELS = 8
"""Most channels accepted: with more, PyAV reads past the end of a frame's planes."""

_DTYPES = {"s16": np.int16, "s32": np.int32, "flt": np.float32}
_S32_TO_FLOAT = np.float32(2.0**-31)


class LibavPacketDecoder:
    """One libav decoder, fed whole packets.

    ``name`` is libav's name of the decoder; ``extradata`` its out-of-band header
    (FLAC's STREAMINFO), ``options`` its AVOptions. Threads are off: libav's frame
    threads would hold back as many packets as there are cores.
    """

    def __init__(
        self,
        name: str,
        *,
        extradata: bytes | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._extradata = extradata
        self._options = dict(options or {})
        self._context = self._new_context()

    def _new_context(self) -> Any:
        context: Any = av.CodecContext.create(self._name, "r")
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = self._options
        if self._extradata is not None:
            context.extradata = self._extradata
        return context

    def decode(self, packet: bytes) -> list[Pcm]:
        """Decode one packet; ignore bytes after a whole frame.

        Raises:
            CorruptStream: libav rejects the packet, or decodes it to garbage.
        """
        try:
            blocks = [_to_pcm(frame) for frame in self._context.decode(_padded(packet))]
        except av.FFmpegError as error:
            raise CorruptStream(f"the audio data is damaged ({error.strerror})") from error
        if not all(map(_is_plausible, blocks)):
            # A packet's NaN stays in the filters of SBR; flushing does not remove it.
            self._context = self._new_context()
            raise CorruptStream("the audio data is damaged (it decodes to NaN or huge samples)")
        return blocks

    def reset(self) -> None:
        """Forget overlap and bit reservoir, as before the first packet."""
        self._context.flush_buffers()


def _padded(data: bytes) -> Any:
    """Copy ``data`` into a libav packet, whose padding libav's bit readers may overrun into.

    ``av.Packet(data)`` would point into the Python object, which has no padding
    (AV_INPUT_BUFFER_PADDING_SIZE): damaged frames would then decode to whatever
    follows on the heap.
    """
    packet: Any = av.Packet(len(data))
    packet.update(data)
    return packet


def _is_plausible(pcm: Pcm) -> bool:
    samples = pcm.samples
    if samples.dtype == np.int16 or not len(samples):
        return True
    return bool(np.abs(samples).max() <= MAX_MAGNITUDE)  # False for NaN


def _to_pcm(frame: Any) -> Pcm:
    """Convert one libav frame to a block.

    A mono plane or packed samples are not copied: the array keeps libav's buffer
    alive. s32, which libav left-aligns at any depth, becomes float32, exactly so up
    to 24 bits.
    """
    dtype = _DTYPES[frame.format.packed.name]
    channels, count = frame.layout.nb_channels, frame.samples
    if channels > MAX_CHANNELS:
        raise CorruptStream(f"the audio data claims {channels} channels")
    if frame.sample_rate not in RATES_HZ:
        raise CorruptStream(f"the audio data claims {frame.sample_rate} Hz")
    samples: Samples
    if channels == 1 or frame.format.is_packed:
        samples = np.frombuffer(frame.planes[0], dtype, count * channels).reshape(-1, channels)
    else:
        samples = np.empty((count, channels), dtype)
        for channel, plane in enumerate(frame.planes[:channels]):
            samples[:, channel] = np.frombuffer(plane, dtype, count)
    if dtype is np.int32:
        samples = np.multiply(samples, _S32_TO_FLOAT, dtype=np.float32)
    return Pcm(samples, frame.sample_rate, _speakers(frame) if channels > 2 else 0)  # noqa: PLR2004  stereo


def _speakers(frame: Any) -> int:
    """Return the channel mask of a libav frame; 0 if it has channels that no mask names."""
    names = [channel.name for channel in frame.layout.channels]
    if any(name not in SPEAKERS for name in names):
        return 0
    return sum(1 << SPEAKERS.index(name) for name in names)


class Concealer:
    """Replaces single undecodable packets with silence, so that time does not shift.

    For formats in which a packet has a fixed duration and damage stays local (MP3,
    AAC). Silence for losses before the first good packet is emitted once its shape is
    known; without a good packet nothing is emitted.
    """

    def __init__(self, codec: LibavPacketDecoder) -> None:
        self._codec = codec
        self._lost_run = 0
        self._owed_frames = 0
        self._template: Pcm | None = None
        self._scale = 1

    @property
    def decoded_any(self) -> bool:
        """Whether libav has decoded at least one packet."""
        return self._template is not None

    def decode(self, packet: bytes, frames: int) -> Iterator[Pcm]:
        """Decode one packet that should last ``frames`` frames at the rate in its header.

        Raises:
            CorruptStream: more than `MAX_LOST_RUN` packets in a row were rejected.
        """
        blocks: list[Pcm] = []
        try:
            blocks = self._codec.decode(packet)
        except CorruptStream:
            self._lost_run += 1
            if self._lost_run > MAX_LOST_RUN:
                raise
            self._owed_frames += frames
        else:
            self._lost_run = 0
        if blocks:
            self._template = blocks[0]
            # SBR doubles the rate, and with it the frames of each packet.
            self._scale = max(1, sum(block.frames for block in blocks) // frames)
        if self._owed_frames and self._template is not None:
            like = self._template.samples
            silence = np.zeros((self._owed_frames * self._scale, like.shape[1]), like.dtype)
            self._owed_frames = 0
            yield self._template.with_samples(silence)
        yield from blocks
