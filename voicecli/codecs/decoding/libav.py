"""Whole packets through libav's decoders, for mp3, aac and flac.

Framing is ours (`voicecli.codecs.decoding.mpeg`, `voicecli.codecs.decoding.flac`), because only
then is it known which bytes made which samples: libav's parsers hold back up to
ten frames and swallow tags without a word. libav gets one whole packet at a
time and gives back what that packet holds, at once.

libav's own log stays as the process has it: PyAV drops libav's messages unless
the host asked for them with ``av.logging.set_level``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.base import LOUDEST, RATES_HZ
from voicecli.errors import CorruptStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.audio.pcm import Samples

MAX_LOST_RUN = 16
"""Undecodable packets in a row that are still bridged with silence (0.3 s or so of MP3)."""

MAX_CHANNELS = 8
"""Channels of a frame that is believed: PyAV finds no end of the planes of one that has more."""

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
        """Samples of one packet; bytes after a whole frame are ignored.

        Raises:
            CorruptStream: libav refuses the packet, or makes of it what is no sound.
        """
        try:
            blocks = [_to_pcm(frame) for frame in self._context.decode(_padded(packet))]
        except av.FFmpegError as refusal:
            raise CorruptStream(f"the audio data is damaged ({refusal.strerror})") from refusal
        if not all(map(_is_sound, blocks)):
            # What one packet puts into the filters of SBR, flushing leaves there for good.
            self._context = self._new_context()
            raise CorruptStream("the audio data is damaged (it decodes to no numbers)")
        return blocks

    def reset(self) -> None:
        """Forget overlap and bit reservoir, as before the first packet."""
        self._context.flush_buffers()


def _padded(data: bytes) -> Any:
    """``data`` as a libav packet, with the zeros behind it that libav's bit readers overrun into.

    ``av.Packet(data)`` would point into the Python object, which has none
    (AV_INPUT_BUFFER_PADDING_SIZE): damaged frames then decode to whatever the
    heap holds behind them.
    """
    packet: Any = av.Packet(len(data))
    packet.update(data)
    return packet


def _is_sound(pcm: Pcm) -> bool:
    samples = pcm.samples
    if samples.dtype == np.int16 or not len(samples):
        return True
    # Each is within the bound where the sum of all squares is, as it is of all that is no
    # damage; and the sum is had in a third of the time. NaN compares as False in both.
    squares = np.vdot(samples, samples)
    return bool(squares <= LOUDEST**2 or np.abs(samples).max() <= LOUDEST)


def _to_pcm(frame: Any) -> Pcm:
    """One libav frame as a block.

    A plane of mono, or of packed samples, is handed on as it is: the array keeps
    libav's buffer alive. s32, which libav left-aligns whatever the depth,
    becomes float32, exactly so up to 24 bits.
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
    return Pcm(samples, frame.sample_rate)


class Concealer:
    """A packet decoder that bridges single losses with silence, so that time does not shift.

    Used where a packet is a fixed stretch of time and damage stays local (MP3,
    AAC). Losses before the first good packet are owed until its shape is known;
    if none comes, nothing is handed out.
    """

    def __init__(self, codec: LibavPacketDecoder) -> None:
        self._codec = codec
        self._run = 0
        self._owed = 0
        self._like: Pcm | None = None
        self._scale = 1

    @property
    def decoded_any(self) -> bool:
        """Whether libav has accepted at least one packet."""
        return self._like is not None

    def decode(self, packet: bytes, frames: int) -> Iterator[Pcm]:
        """Samples of one packet that should last ``frames`` frames at the rate its header tells.

        Raises:
            CorruptStream: more than `MAX_LOST_RUN` packets in a row were refused.
        """
        blocks: list[Pcm] = []
        try:
            blocks = self._codec.decode(packet)
        except CorruptStream:
            self._run += 1
            if self._run > MAX_LOST_RUN:
                raise
            self._owed += frames
        else:
            self._run = 0
        if blocks:
            self._like = blocks[0]
            # SBR doubles the rate, and with it the frames of each packet.
            self._scale = max(1, sum(block.frames for block in blocks) // frames)
        yield from self._silence()
        yield from blocks

    def _silence(self) -> Iterator[Pcm]:
        if self._owed and self._like is not None:
            like = self._like.samples
            quiet = np.zeros((self._owed * self._scale, like.shape[1]), like.dtype)
            self._owed = 0
            yield Pcm(quiet, self._like.rate_hz)
